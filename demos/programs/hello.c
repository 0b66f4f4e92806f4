/*
 * hello.c - says hello, and what it was given.
 *
 *     uio cc hello.c -o hello.o
 *     uio exec web -- run /uio/hello.o one "two words"
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <uio.h>

int main(int argc, char **argv)
{
    uio_printf("Hello from %s!\n", argv[0]);
    for (int i = 1; i < argc; ++i) {
        uio_printf("argument %d: %s\n", i, argv[i]);
    }
    return 0;
}
