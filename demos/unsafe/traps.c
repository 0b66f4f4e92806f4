/*
 * traps.c - raises the exceptions of the processor.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "unsafe.h"

static int divide(int argc, char **argv)
{
    volatile int zero = 0;
    (void)argv;
    return argc / zero == 0 ? THROUGH : THROUGH + 1;
}

/* The quotient has no room. */
static int quotient(int argc, char **argv)
{
    volatile int least = -__INT_MAX__ - 1, minus_one = -1;
    (void)argc;
    (void)argv;
    return least / minus_one == 0 ? THROUGH : THROUGH + 1;
}

static int breakpoint(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    __asm__ volatile("int3");
    return THROUGH;
}

static int opcode(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    __asm__ volatile("ud2");
    return THROUGH;
}

/* An address that no processor has. */
static int address(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    *(volatile char *)opaque((void *)0x8000000000000000ul) = 1;
    return THROUGH;
}

/* The same, through the stack. */
static int stack_address(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    __asm__ volatile("movabs $0x8000000000000000, %%rsp\n\tpush %%rax" ::: "memory");
    return THROUGH;
}

/* SSE operands that are not aligned. */
static int misaligned(int argc, char **argv)
{
    static char bytes[64];
    (void)argc;
    (void)argv;
    __asm__ volatile("movaps %%xmm0, (%0)" ::"r"((char *)opaque(bytes) + 1) : "memory");
    return THROUGH;
}

static int x87(int argc, char **argv)
{
    unsigned short control = 0x0340;
    (void)argc;
    (void)argv;
    __asm__ volatile("fldcw %0\n\tfldz\n\tfld1\n\tfdiv %%st(1), %%st\n\tfwait" : : "m"(control));
    return THROUGH;
}

/* An exception of the x87 that is pending when the program ends. */
static int x87_pending(int argc, char **argv)
{
    unsigned short control = 0x0340;
    (void)argc;
    (void)argv;
    __asm__ volatile("fldcw %0\n\tfldz\n\tfld1\n\tfdiv %%st(1), %%st" : : "m"(control));
    return 0;
}

static int simd(int argc, char **argv)
{
    unsigned int control = 0;
    (void)argc;
    (void)argv;
    __asm__ volatile("ldmxcsr %0\n\txorps %%xmm0, %%xmm0\n\tdivss %%xmm0, %%xmm0" : : "m"(control) : "xmm0");
    return THROUGH;
}

static const struct variant VARIANTS[] = {
    {"divide", divide},
    {"quotient", quotient},
    {"breakpoint", breakpoint},
    {"opcode", opcode},
    {"address", address},
    {"stack-address", stack_address},
    {"misaligned", misaligned},
    {"x87", x87},
    {"x87-pending", x87_pending},
    {"simd", simd},
};

int main(int argc, char **argv)
{
    return CHOOSE(VARIANTS, argc, argv);
}
