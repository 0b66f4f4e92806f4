/*
 * `crossings KIND COUNT`: crosses into the image and back so many times. KIND is `n` for nothing but the
 * loop, `d` for a direct call, `g` for the same call through the gate, `w` for a write through the gate, `c` for
 * the cheapest call of the interface.
 */
#include <uio.h>

/* Of null it knows nothing, and says so at once. */
extern unsigned long web_requests_of(const char *path);

extern unsigned long web_bytes;

#define REPEAT(what)                                                                                                   \
    for (; count != 0; --count) {                                                                                      \
        __asm__ volatile("" ::: "memory");                                                                             \
        what;                                                                                                          \
    }                                                                                                                  \
    break

int main(int argc, char **argv)
{
    unsigned long count;
    unsigned long bytes = web_bytes;

    if (argc != 3 || !uio_parse(argv[2], &count)) {
        return 2;
    }
    switch (argv[1][0]) {
    case 'n':
        REPEAT();
    case 'd':
        REPEAT(web_requests_of(NULL));
    case 'g':
        REPEAT(uio_gate((void *)web_requests_of, 0, 0, 0, 0, 0));
    case 'w':
        REPEAT(uio_gate_write(&web_bytes, &bytes, sizeof bytes));
    case 'c':
        REPEAT(uio_clock_us());
    default:
        return 2;
    }
    return uio_gate((void *)web_requests_of, 0, 0, 0, 0, 0).error != 0;
}
