/*
 * reset.c - makes the web server count anew, through the gates.
 *
 *     uio cc reset.c -o reset.o
 *     uio exec web -- run /uio/reset.o / /style.css   # two documents: calls a function
 *     uio exec web -- run /uio/reset.o                # all of them
 *     uio exec web -- run /uio/reset.o = 1000         # the total: writes a variable
 *
 * The policy has to be `control` or `full`: the server exports what is called and written here. Under
 * `observe` the gate stays shut and the program ends with status 126.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <uio.h>

extern unsigned long web_requests;
unsigned long web_forget(const char *path);

int main(int argc, char **argv)
{
    if (argc == 3 && uio_strcmp(argv[1], "=") == 0) {
        unsigned long total;
        if (!uio_parse(argv[2], &total)) {
            uio_dprintf(2, "%s: %s is no number\n", argv[0], argv[2]);
            return 2;
        }
        uio_write(web_requests, total);
        uio_printf("%lu requests from now on\n", total);
        return 0;
    }
    if (argc == 1) {
        uio_printf("%lu requests forgotten\n", uio_call(web_forget, (const char *)NULL));
    }
    for (int i = 1; i < argc; ++i) {
        uio_printf("%lu requests for %s forgotten\n", uio_call(web_forget, argv[i]), argv[i]);
    }
    return 0;
}
