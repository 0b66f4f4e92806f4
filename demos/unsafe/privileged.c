/*
 * privileged.c - one instruction that is not for programs: INSTRUCTION, as assembly. What it needs in
 * registers it finds there.
 *
 *     uio cc privileged.c -o cli.o -- '-DINSTRUCTION="cli"'
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "unsafe.h"

int main(void)
{
    static unsigned long memory[64] __attribute__((aligned(64)));
    __asm__ volatile(INSTRUCTION
                     : : "a"(0), "b"(memory), "c"(0x10), "d"(0x80) : "rsi", "rdi", "memory");
    return THROUGH;
}
