/*
 * wrpkru-relocated.c - gives itself all rights with an instruction that is in no file: the linker
 * writes it, as the size of a symbol.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "unsafe.h"

extern unsigned long web_requests;

__asm__(".pushsection .data\n"
        ".globl large\n"
        ".type large, @object\n"
        "large: .byte 1\n"
        ".size large, 0xef010f\n"
        ".popsection");

int main(void)
{
    /* mov $large@SIZE, %esi: behind its first byte stand wrpkru and a zero, of which `add` is made. */
    __asm__ volatile("lea 1f(%%rip), %%rsi\n\t"
                     "inc %%rsi\n\t"
                     "call *%%rsi\n\t"
                     "jmp 2f\n"
                     "1: .byte 0xbe\n\t"
                     ".reloc ., R_X86_64_SIZE32, large\n\t"
                     ".long 0\n\t"
                     ".byte 0xc0\n\t"
                     "ret\n"
                     "2:"
                     : : "a"(0), "c"(0), "d"(0) : "rsi", "memory");
    return rewrite(&web_requests);
}
