/*
 * unsafe.h - what the programs here share.
 *
 * Each does something that it must not do, chosen by its first argument. A program that gets away
 * with it ends with status THROUGH; one that finds what it needs in no memory ends with NOT_FOUND.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef UNSAFE_H
#define UNSAFE_H

#include <uio.h>

/* Nothing stopped it. */
#define THROUGH 99

/* What it was to do it with is not there. */
#define NOT_FOUND 98

/* There is no such variant. */
#define UNKNOWN 97

/* One thing that a program can do. Gives the program's status. */
struct variant {
    const char *name;
    int (*run)(int argc, char **argv);
};

/* Does what the first argument says. */
UIO_HELPER int choose(const struct variant *variants, unsigned long count, int argc, char **argv)
{
    unsigned long i;
    for (i = 0; argc > 1 && i < count; ++i) {
        if (uio_strcmp(argv[1], variants[i].name) == 0) {
            return variants[i].run(argc, argv);
        }
    }
    for (i = 0; i < count; ++i) {
        uio_dprintf(2, "%s%s", i == 0 ? "one of: " : ", ", variants[i].name);
    }
    uio_dprintf(2, "\n");
    return UNKNOWN;
}

#define CHOOSE(variants, argc, argv) choose(variants, sizeof(variants) / sizeof *(variants), argc, argv)

/* The address, of which the compiler knows nothing. */
UIO_HELPER void *opaque(const void *address)
{
    void *same = (void *)(uintptr_t)address;
    __asm__ volatile("" : "+r"(same));
    return same;
}

/* Writes the byte that is there already: where that is not refused, nothing breaks. */
UIO_HELPER int rewrite(const void *address)
{
    volatile unsigned char *byte = opaque(address);
    *byte = *byte;
    return THROUGH;
}

/* Calls what lies at an address. */
UIO_HELPER int call(const void *address)
{
    void (*function)(void) = (void (*)(void))(uintptr_t)opaque(address);
    function();
    return THROUGH;
}

#endif
