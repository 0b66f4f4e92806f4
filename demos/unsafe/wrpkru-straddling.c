/*
 * wrpkru-straddling.c - gives itself all rights with the end of one instruction and the beginning of
 * the next.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "unsafe.h"

extern unsigned long web_requests;

int main(void)
{
    /* mov $0x0f000000, %esi and add %ebp, %edi: between them stands wrpkru. */
    __asm__ volatile("lea 1f(%%rip), %%rsi\n\t"
                     "add $4, %%rsi\n\t"
                     "call *%%rsi\n\t"
                     "jmp 2f\n"
                     "1: .byte 0xbe, 0x00, 0x00, 0x00, 0x0f\n\t"
                     "add %%ebp, %%edi\n\t"
                     "ret\n"
                     "2:"
                     : : "a"(0), "c"(0), "d"(0) : "rsi", "rdi", "memory");
    return rewrite(&web_requests);
}
