/*
 * xrstor.c - loads the register of rights with the rest of the processor's state.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "unsafe.h"

extern unsigned long web_requests;

int main(void)
{
    static unsigned char area[4096] __attribute__((aligned(64)));
    /* XSTATE_BV names PKRU (bit 9), whose place is zero. */
    area[513] = 2;
    __asm__ volatile("xrstor (%0)" : : "r"(area), "a"(0x200), "d"(0) : "memory");
    return rewrite(&web_requests);
}
