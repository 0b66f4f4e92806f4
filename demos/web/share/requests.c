/*
 * requests.c - what clients asked of the web server, read in its own memory.
 *
 *     uio cc requests.c -o requests.o
 *     uio exec web -- run /uio/requests.o / /style.css
 *
 * `web_requests` is a variable of the server, and the two functions are its own code: nothing is
 * asked over a socket, and the server notices nothing. The first of them only reads and is called as it
 * is; the second one asks the kernel for the time and goes through the gate, with the server's rights.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <uio.h>

extern unsigned long web_requests;
unsigned long web_requests_of(const char *path);
unsigned long web_status_line(char *buffer, unsigned long len);

int main(int argc, char **argv)
{
    char line[128];

    uio_printf("requests: %lu\n", web_requests);
    if (argc < 2) {
        uio_printf("%8lu  /\n", web_requests_of("/"));
    }
    for (int i = 1; i < argc; ++i) {
        uio_printf("%8lu  %s\n", web_requests_of(argv[i]), argv[i]);
    }
    if (uio_call(web_status_line, line, sizeof line) >= sizeof line) {
        uio_printf("status line cut\n");
        return 1;
    }
    uio_printf("status: %s\n", line);
    return 0;
}
