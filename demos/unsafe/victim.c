/*
 * victim.c - says where its memory is, waits for a line of input, and looks whether somebody wrote there.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "unsafe.h"

static volatile unsigned long memory[8] = {1, 2, 3, 4, 5, 6, 7, 8};

int main(void)
{
    char line[8];
    unsigned long i;
    uio_printf("%p\n", (void *)(uintptr_t)memory);
    while (uio_fd_read(0, line, sizeof line) > 0) {
    }
    for (i = 0; i < 8; ++i) {
        if (memory[i] != i + 1) {
            return THROUGH;
        }
    }
    return 0;
}
