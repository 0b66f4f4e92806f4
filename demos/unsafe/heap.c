/*
 * heap.c - misuses its own heap.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "unsafe.h"

extern unsigned long web_requests;

/* Frees a block twice, and goes on allocating. */
static int twice(int argc, char **argv)
{
    char *block = uio_alloc(1000);
    int i;
    (void)argc;
    (void)argv;
    uio_free(block);
    uio_free(block);
    for (i = 0; i < 100; ++i) {
        char *next = uio_alloc(500);
        if (next == NULL) {
            return 1;
        }
        memset(next, 0x5a, 500);
    }
    return 0;
}

/* Overwrites what the heap keeps between blocks, and goes on. */
static int between(int argc, char **argv)
{
    char *first = uio_alloc(100);
    char *second = uio_alloc(100);
    int i;
    (void)argc;
    (void)argv;
    if (first == NULL || second == NULL) {
        return NOT_FOUND;
    }
    memset(opaque(first - 16), 0xff, 150);
    uio_free(first);
    uio_free(second);
    for (i = 0; i < 100; ++i) {
        char *next = uio_alloc(500);
        if (next != NULL) {
            memset(next, 0x5a, 500);
        }
    }
    return 0;
}

/* Frees memory of the application, which has something like a block's size in front of it. */
static int foreign(int argc, char **argv)
{
    char *block = uio_alloc(100);
    (void)argc;
    (void)argv;
    if (block == NULL) {
        return NOT_FOUND;
    }
    uio_free(opaque((char *)opaque(&web_requests) + 16));
    return 0;
}

/* Frees what is no memory at all. */
static int wild(int argc, char **argv)
{
    char *block = uio_alloc(100);
    (void)argc;
    (void)argv;
    uio_free(opaque((void *)0x123456789000));
    return block == NULL ? NOT_FOUND : THROUGH;
}

/* Takes all that it gets. */
static int exhausted(int argc, char **argv)
{
    unsigned long blocks = 0;
    (void)argc;
    (void)argv;
    while (blocks < 100000) {
        char *block = uio_alloc(100000);
        if (block == NULL) {
            break;
        }
        block[0] = block[99999] = 1;
        ++blocks;
    }
    if (uio_alloc(~0ul) != NULL || uio_alloc(~0ul - 4096) != NULL || uio_alloc(1ul << 40) != NULL) {
        return THROUGH;
    }
    return blocks > 10 && blocks < 1000 ? 0 : NOT_FOUND;
}

static const struct variant VARIANTS[] = {
    {"twice", twice},
    {"between", between},
    {"foreign", foreign},
    {"wild", wild},
    {"exhausted", exhausted},
};

int main(int argc, char **argv)
{
    return CHOOSE(VARIANTS, argc, argv);
}
