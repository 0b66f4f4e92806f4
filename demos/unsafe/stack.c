/*
 * stack.c - uses more stack than there is.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "unsafe.h"

static __attribute__((noinline)) unsigned long deeper(unsigned long depth)
{
    volatile char frame[256];
    unsigned long below;
    frame[0] = (char)depth;
    if (depth == 0) {
        return 0;
    }
    below = deeper(depth + 1);
    return below + (unsigned long)frame[0];
}

/* Calls itself without an end. */
static int recursion(int argc, char **argv)
{
    (void)argv;
    return deeper((unsigned long)argc) == 0 ? THROUGH : THROUGH + 1;
}

/* Leaps over the guard below the stack with one frame. */
static int leap(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    __asm__ volatile("sub $0x100000, %%rsp\n\t"
                     "pop %%rax\n\tpush %%rax\n\t"
                     "add $0x100000, %%rsp" ::: "rax", "memory");
    return THROUGH;
}

/* Calls the interface with a stack that is nobody's. */
static int nowhere(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    __asm__ volatile("movabs $0x123456789000, %%rsp\n\tcall uio_clock_us@PLT" ::: "memory");
    return THROUGH;
}

/* Takes memory of the application for a stack. */
static int borrowed(int argc, char **argv)
{
    extern unsigned long web_requests;
    (void)argc;
    (void)argv;
    __asm__ volatile("mov %0, %%rsp\n\tpop %%rax\n\tpush %%rax" : : "r"(opaque(&web_requests)) : "rax", "memory");
    return THROUGH;
}

static const struct variant VARIANTS[] = {
    {"recursion", recursion},
    {"leap", leap},
    {"nowhere", nowhere},
    {"borrowed", borrowed},
};

int main(int argc, char **argv)
{
    return CHOOSE(VARIANTS, argc, argv);
}
