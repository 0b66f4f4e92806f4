/*
 * pages.h - finds things in memory that nobody tells a program of: the page tables, and what pointers
 * of the kernel lead to.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef PAGES_H
#define PAGES_H

#include <uio.h>

/* Where Hermit has its heap, and more than any of the tests' machines has memory. */
#define HEAP_START 0x400000000000ul
#define HEAP_END 0x800000000000ul
#define RAM_END (512ul << 20)

#define PAGE 4096ul
#define PRESENT 1ul
#define LARGE 0x80ul

/* The first word among these that is a pointer to memory between two addresses, and so aligned. */
UIO_HELPER void *pointer_in(const unsigned long *words, unsigned long count, unsigned long from, unsigned long to,
                            unsigned long align)
{
    unsigned long i, word;
    for (i = 0; i < count; ++i) {
        word = *(const volatile unsigned long *)&words[i];
        if (word >= from && word < to && word % align == 0) {
            return (void *)word;
        }
    }
    return NULL;
}

/* The address in an entry. A mask for it would hold the bytes of an instruction that is refused. */
UIO_HELPER unsigned long address_in(unsigned long entry)
{
    __asm__("" : "+r"(entry));
    entry <<= 12;
    __asm__("" : "+r"(entry));
    return entry >> 24 << 12;
}

/* A word of memory, 0 where there is none. */
UIO_HELPER unsigned long peek(unsigned long address)
{
    unsigned long word = 0;
    return uio_gate_read(&word, (const void *)address, sizeof word) == (long)sizeof word ? word : 0;
}

/* The entry for an address in the tables that start at `table`, and the size of its page as a power of
 * two. Memory is mapped at its own address. */
UIO_HELPER unsigned long *walk(unsigned long table, unsigned long address, int *size)
{
    int shift;
    for (shift = 39; shift >= 12; shift -= 9) {
        unsigned long at = table + 8 * (address >> shift & 511);
        unsigned long entry = peek(at);
        if ((entry & PRESENT) == 0 || address_in(entry) >= RAM_END) {
            return NULL;
        }
        if (shift == 12 || (shift < 39 && (entry & LARGE) != 0)) {
            *size = shift;
            return (unsigned long *)at;
        }
        table = address_in(entry);
    }
    return NULL;
}

/* Whether the tables that start at `table` map an address to itself. */
UIO_HELPER int maps_to_itself(unsigned long table, unsigned long address)
{
    int size = 12;
    unsigned long *entry = walk(table, address, &size);
    unsigned long mask = (1ul << size) - 1;
    return entry != NULL && (address_in(peek((unsigned long)entry)) & ~mask) == (address & ~mask);
}

/* The size of the page that page_entry() found last, as a power of two. */
static int page_size = 12;

/* The entry of the page tables that maps an address. A program of ring 3 is not told where the tables
 * are, but finds them: they map the program itself to where it is, and the heap somewhere. */
UIO_HELPER unsigned long *page_entry(unsigned long address)
{
    static unsigned long root;
    static const char mark = 1;
    for (; root < RAM_END; root += PAGE) {
        unsigned long first = peek(root);
        if ((first & PRESENT) != 0 && (first & LARGE) == 0 && address_in(first) < RAM_END &&
            (peek(root + 8 * (HEAP_START >> 39)) & PRESENT) != 0 &&
            maps_to_itself(root, (unsigned long)&mark) && maps_to_itself(root, (unsigned long)&page_size)) {
            return walk(root, address, &page_size);
        }
    }
    return NULL;
}

/* Where memory lies to which page_entry() just found the entry. */
UIO_HELPER char *physical(unsigned long entry, const void *address)
{
    unsigned long mask = (1ul << page_size) - 1;
    return (char *)((address_in(entry) & ~mask) | ((unsigned long)address & mask));
}

#endif
