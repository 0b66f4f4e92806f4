/*
 * float.c - floating point: fills every register and looks whether it keeps, or leaves a mess behind.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "unsafe.h"

#define CONTROL 0x1f80u

/* What every program finds at its start (System V psABI x86-64, 3.4.1): nothing of anybody else. */
static int clean(int argc, char **argv)
{
    static unsigned char registers[256];
    unsigned int mxcsr = 0;
    unsigned short control = 0, status = 0;
    unsigned long i;
    (void)argc;
    (void)argv;
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1\n\tfnstsw %2" : "=m"(mxcsr), "=m"(control), "=m"(status));
    __asm__ volatile("movups %%xmm0, (%0)\n\tmovups %%xmm1, 16(%0)\n\tmovups %%xmm2, 32(%0)\n\t"
                     "movups %%xmm3, 48(%0)\n\tmovups %%xmm4, 64(%0)\n\tmovups %%xmm5, 80(%0)\n\t"
                     "movups %%xmm6, 96(%0)\n\tmovups %%xmm7, 112(%0)\n\tmovups %%xmm8, 128(%0)\n\t"
                     "movups %%xmm9, 144(%0)\n\tmovups %%xmm10, 160(%0)\n\tmovups %%xmm11, 176(%0)\n\t"
                     "movups %%xmm12, 192(%0)\n\tmovups %%xmm13, 208(%0)\n\tmovups %%xmm14, 224(%0)\n\t"
                     "movups %%xmm15, 240(%0)"
                     : : "r"(registers) : "memory");
    for (i = 0; i < sizeof registers; ++i) {
        if (registers[i] != 0) {
            uio_dprintf(2, "byte %lu of the vector registers is 0x%x\n", i, registers[i]);
            return THROUGH;
        }
    }
    if (mxcsr != CONTROL || control != 0x37f || status != 0) {
        uio_dprintf(2, "MXCSR 0x%x, control word 0x%x, status word 0x%x\n", mxcsr, control, status);
        return THROUGH;
    }
    return 0;
}

/* Every register full, every exception unmasked and pending, the x87's stack full. */
static void spoil(void)
{
    static const unsigned int unmasked = 0;
    static const unsigned short control = 0x0340;
    __asm__ volatile("fldcw %1\n\tfldz\n\tfld1\n\tfldpi\n\tfldpi\n\tfldpi\n\tfldpi\n\tfldpi\n\t"
                     "pcmpeqd %%xmm0, %%xmm0\n\tmovaps %%xmm0, %%xmm1\n\tmovaps %%xmm0, %%xmm2\n\t"
                     "movaps %%xmm0, %%xmm3\n\tmovaps %%xmm0, %%xmm4\n\tmovaps %%xmm0, %%xmm5\n\t"
                     "movaps %%xmm0, %%xmm6\n\tmovaps %%xmm0, %%xmm7\n\tmovaps %%xmm0, %%xmm8\n\t"
                     "movaps %%xmm0, %%xmm9\n\tmovaps %%xmm0, %%xmm10\n\tmovaps %%xmm0, %%xmm11\n\t"
                     "movaps %%xmm0, %%xmm12\n\tmovaps %%xmm0, %%xmm13\n\tmovaps %%xmm0, %%xmm14\n\t"
                     "movaps %%xmm0, %%xmm15\n\tldmxcsr %0\n\t"
                     "fldz\n\tfdivp"
                     : : "m"(unmasked), "m"(control) : "memory");
}

/* Ends like that. */
static int mess(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    spoil();
    return 0;
}

/* Faults like that. */
static int mess_and_fault(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    spoil();
    __asm__ volatile("ud2");
    return THROUGH;
}

/* Stays like that, while others compute. */
static int mess_and_stay(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    for (;;) {
        spoil();
        __asm__ volatile("fnclex\n\tfninit");
    }
    return THROUGH;
}

/* Sums of a series, in SSE and in x87, which others must not change. */
static int sums(int argc, char **argv)
{
    unsigned long rounds = 200, round, i;
    double first = 0;
    long double first_long = 0;
    if (argc > 2 && !uio_parse(argv[2], &rounds)) {
        return UNKNOWN;
    }
    for (round = 0; round < rounds; ++round) {
        double sum = 0;
        long double sum_long = 0;
        for (i = 1; i <= 2000; ++i) {
            sum += 1.0 / (double)i;
            sum_long += 1.0L / (long double)i;
        }
        if (round == 0) {
            first = sum;
            first_long = sum_long;
        }
        if (sum != first || sum_long != first_long || sum < 8.17 || sum > 8.18) {
            return THROUGH;
        }
        if (round % 16 == 0) {
            uio_yield();
        }
    }
    return 0;
}

static const struct variant VARIANTS[] = {
    {"clean", clean},
    {"mess", mess},
    {"mess-and-fault", mess_and_fault},
    {"mess-and-stay", mess_and_stay},
    {"sums", sums},
};

int main(int argc, char **argv)
{
    return CHOOSE(VARIANTS, argc, argv);
}
