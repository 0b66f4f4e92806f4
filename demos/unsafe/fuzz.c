/*
 * fuzz.c - does what comes into its head, from a seed: jumps anywhere into the image, or calls the
 * interface with anything at all.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "unsafe.h"

extern unsigned long web_requests;
unsigned long web_status_line(char *buffer, unsigned long len);

static unsigned long state;
static unsigned char memory[4096];

/* xorshift64* */
static unsigned long next(void)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545f4914f6cdd1dul;
}

static void seed(int argc, char **argv)
{
    unsigned long number = 1;
    if (argc > 2) {
        uio_parse(argv[2], &number);
    }
    uio_dprintf(2, "seed %lu\n", number);
    state = (number + 1) * 0x9e3779b97f4a7c15ul | 1;
    next();
}

/* Words of the kind that programs use: numbers, pointers to memory of its own, of the image, to nothing. */
static unsigned long word(void)
{
    unsigned long random = next();
    switch (random >> 61) {
    case 0: return random & 0xff;
    case 1: return (unsigned long)memory + (random & 0xfff);
    case 2: return (unsigned long)&web_requests + (random & 0xfff8);
    case 3: return (unsigned long)(uintptr_t)web_status_line + (random & 0xffff);
    case 4: return 0 - (random & 0xff);
    case 5: return random & 0xffffffff;
    case 6: return (unsigned long)&random - (random & 0x7ff);
    default: return random;
    }
}

/* First address and size of the image's code, as its headers tell. */
static unsigned long code(unsigned long *size)
{
    unsigned long base = (unsigned long)(uintptr_t)web_status_line & ~0xffful;
    const unsigned char *header;
    unsigned i;
    while (*(const volatile unsigned *)base != 0x464c457f) {
        base -= 0x1000;
    }
    header = (const unsigned char *)base;
    for (i = 0; i < *(const unsigned short *)(header + 56); ++i) {
        const unsigned char *entry = header + *(const unsigned long *)(header + 32) + 56 * i;
        /* PT_LOAD with PF_X. */
        if (*(const unsigned *)entry == 1 && (*(const unsigned *)(entry + 4) & 1) != 0) {
            *size = *(const unsigned long *)(entry + 40);
            return base + *(const unsigned long *)(entry + 16);
        }
    }
    return 0;
}

static int jumps(int argc, char **argv)
{
    static unsigned long registers[16];
    unsigned long size = 0, start = code(&size);
    unsigned long i;
    seed(argc, argv);
    if (start == 0) {
        return NOT_FOUND;
    }
    for (i = 0; i < 16; ++i) {
        registers[i] = word();
    }
    registers[15] = start + next() % size;
    __asm__ volatile("mov 0(%0), %%rax\n\tmov 8(%0), %%rbx\n\tmov 16(%0), %%rcx\n\tmov 24(%0), %%rdx\n\t"
                     "mov 32(%0), %%rsi\n\tmov 48(%0), %%rbp\n\tmov 56(%0), %%r8\n\tmov 64(%0), %%r9\n\t"
                     "mov 72(%0), %%r10\n\tmov 80(%0), %%r11\n\tmov 88(%0), %%r12\n\tmov 96(%0), %%r13\n\t"
                     "mov 104(%0), %%r14\n\tmov 120(%0), %%r15\n\tmov 40(%0), %0\n\tjmp *%%r15"
                     : : "D"(registers) : "memory");
    return THROUGH;
}

/* Calls of the interface, by the stubs: 32 bytes each, the first two stubs before that of uio_fd_write. */
static int calls(int argc, char **argv)
{
    char *stubs = (char *)opaque((void *)(uintptr_t)uio_fd_write) - 64;
    int i;
    seed(argc, argv);
    for (i = 0; i < 200; ++i) {
        /* Not the one that ends it, and not those that wait for input or sleep. */
        unsigned long number = 1 + next() % 63;
        long (*call)(unsigned long, unsigned long, unsigned long, unsigned long, unsigned long, unsigned long) =
            (long (*)(unsigned long, unsigned long, unsigned long, unsigned long, unsigned long, unsigned long))(
                uintptr_t)(stubs + 32 * number);
        if (number != 3 && number != 11 && number != 13) {
            call(word(), word(), word(), word(), word(), word());
        }
    }
    return 0;
}

static const struct variant VARIANTS[] = {
    {"jumps", jumps},
    {"calls", calls},
};

int main(int argc, char **argv)
{
    return CHOOSE(VARIANTS, argc, argv);
}
