/*
 * null.c - uses the null pointer.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "unsafe.h"

static int reading(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    (void)*(volatile unsigned long *)opaque(NULL);
    return THROUGH;
}

static int writing(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    *(volatile unsigned long *)opaque(NULL) = 1;
    return THROUGH;
}

static int calling(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return call(NULL);
}

static const struct variant VARIANTS[] = {
    {"read", reading},
    {"write", writing},
    {"call", calling},
};

int main(int argc, char **argv)
{
    return CHOOSE(VARIANTS, argc, argv);
}
