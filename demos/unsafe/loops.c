/*
 * loops.c - goes on for ever.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "unsafe.h"

unsigned long web_requests_of(const char *path);

static __attribute__((noinline)) unsigned long twice(unsigned long value)
{
    __asm__ volatile("" : "+r"(value));
    return 2 * value;
}

/* One instruction. */
static int tight(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    __asm__ volatile("1: jmp 1b");
    return THROUGH;
}

/* Calls functions of its own. */
static int calls(int argc, char **argv)
{
    volatile unsigned long value = 1;
    (void)argc;
    (void)argv;
    for (;;) {
        value = twice(value);
    }
    return THROUGH;
}

/* Calls the interface. */
static int interface(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    for (;;) {
        uio_clock_us();
    }
    return THROUGH;
}

/* Calls a function of the image, without a gate. */
static int image(int argc, char **argv)
{
    static char bytes[2048];
    (void)argc;
    (void)argv;
    for (;;) {
        memset(opaque(bytes), 7, sizeof bytes);
    }
    return THROUGH;
}

/* Calls a function of the application, through the gate. */
static int gate(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    for (;;) {
        uio_call(web_requests_of, "/");
    }
    return THROUGH;
}

/* Without a stack for whoever interrupts it. */
static int without_stack(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    __asm__ volatile("xor %%esp, %%esp\n1: jmp 1b" ::: "memory");
    return THROUGH;
}

/* With the direction flag set, and registers that mean nothing. */
static int backwards(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    __asm__ volatile("std\n\tmov $-1, %%rbp\n\tmov $-1, %%rbx\n1: jmp 1b" ::: "memory");
    return THROUGH;
}

/* Sleeps, and does not care when that ends early. */
static int sleeps(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    for (;;) {
        uio_sleep_ms(1);
    }
    return THROUGH;
}

static const struct variant VARIANTS[] = {
    {"tight", tight},
    {"calls", calls},
    {"interface", interface},
    {"image", image},
    {"gate", gate},
    {"without-stack", without_stack},
    {"backwards", backwards},
    {"sleeps", sleeps},
};

int main(int argc, char **argv)
{
    return CHOOSE(VARIANTS, argc, argv);
}
