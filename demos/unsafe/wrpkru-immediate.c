/*
 * wrpkru-immediate.c - gives itself all rights with an instruction inside another: the constant of a
 * move, which is then jumped to.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "unsafe.h"

extern unsigned long web_requests;

int main(void)
{
    /* mov $0xc3ef010f, %esi: behind its first byte stand wrpkru and ret. */
    __asm__ volatile("lea 1f(%%rip), %%rsi\n\t"
                     "inc %%rsi\n\t"
                     "call *%%rsi\n\t"
                     "jmp 2f\n"
                     "1: .byte 0xbe, 0x0f, 0x01, 0xef, 0xc3\n"
                     "2:"
                     : : "a"(0), "c"(0), "d"(0) : "rsi", "memory");
    return rewrite(&web_requests);
}
