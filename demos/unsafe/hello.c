/*
 * hello.c - the next program, which has to run as if nothing had happened.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <uio.h>

int main(void)
{
    char *block = uio_alloc(1000);
    if (block == NULL) {
        return 1;
    }
    memset(block, 7, 1000);
    uio_puts("hello");
    return 0;
}
