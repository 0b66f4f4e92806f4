/*
 * wrpkru-plain.c - gives itself all rights, openly.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "unsafe.h"

extern unsigned long web_requests;

int main(void)
{
    __asm__ volatile("wrpkru" : : "a"(0), "c"(0), "d"(0) : "memory");
    return rewrite(&web_requests);
}
