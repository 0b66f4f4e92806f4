/*
 * counters.c - reads the web server's counters, once or every second.
 *
 *     uio cc counters.c -o counters.o
 *     uio exec web -- run /uio/counters.o        # now
 *     uio exec web -- run /uio/counters.o 5      # and five times more, with rates; Ctrl-C ends it
 *
 * A program may read whatever the image has: no gate, no question, and the server notices nothing.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <uio.h>

extern volatile unsigned long web_requests;
extern volatile unsigned long web_bytes;

struct counters {
    unsigned long requests, bytes, at_us;
};

static struct counters read_counters(void)
{
    struct counters now = {web_requests, web_bytes, uio_clock_us()};
    return now;
}

/* How many in a second, of so many in so many microseconds. */
static unsigned long rate(unsigned long count, unsigned long us)
{
    return us == 0 ? 0 : count * 1000000 / us;
}

int main(int argc, char **argv)
{
    unsigned long times = 0;
    struct counters before = read_counters();
    if (argc > 2 || (argc == 2 && !uio_parse(argv[1], &times))) {
        uio_dprintf(2, "usage: %s [SECONDS]\n", argv[0]);
        return 2;
    }
    uio_printf("%lu requests, %lu bytes\n", before.requests, before.bytes);
    for (; times > 0; --times) {
        struct counters now;
        if (uio_sleep_ms(1000) < 0) {
            return 130;
        }
        now = read_counters();
        uio_printf("%lu requests, %lu bytes, %lu requests/s\n", now.requests, now.bytes,
                   rate(now.requests - before.requests, now.at_us - before.at_us));
        before = now;
    }
    return 0;
}
