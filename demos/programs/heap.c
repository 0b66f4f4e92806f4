/*
 * heap.c - exercises the program's own heap, and looks whether it kept what was written.
 *
 *     uio cc heap.c -o heap.o
 *     uio exec web -- run /uio/heap.o              # 20000 rounds
 *     uio exec web -- run /uio/heap.o 1000000 7    # rounds, and where the random numbers begin
 *
 * Each round frees one of 256 pieces and allocates another, of up to 8 KiB, filled with a pattern that
 * is checked before it is freed. At the end it takes all that there is, and gives it back.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <uio.h>

enum { PIECES = 256, LARGEST = 8192, HUGE_PIECE = 65536, HUGE_PIECES = 4096 };

struct piece {
    unsigned char *memory;
    unsigned long size;
    unsigned char pattern;
};

static struct piece pieces[PIECES];
static void *huge[HUGE_PIECES];

/* Marsaglia's xorshift64. */
static unsigned long next_random(unsigned long *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Returns how many bytes are not what was written. */
static unsigned long release(struct piece *piece)
{
    unsigned long wrong = 0;
    for (unsigned long i = 0; i < piece->size; ++i) {
        wrong += piece->memory[i] != (unsigned char)(piece->pattern + i);
    }
    uio_free(piece->memory);
    piece->memory = NULL;
    piece->size = 0;
    return wrong;
}

/* Returns whether there was memory, aligned as promised. */
static int take(struct piece *piece, unsigned long random)
{
    piece->size = 1 + (random >> 8) % LARGEST;
    piece->pattern = (unsigned char)random;
    piece->memory = (unsigned char *)uio_alloc(piece->size);
    if (piece->memory == NULL || ((uintptr_t)piece->memory & 15) != 0) {
        return 0;
    }
    for (unsigned long i = 0; i < piece->size; ++i) {
        piece->memory[i] = (unsigned char)(piece->pattern + i);
    }
    return 1;
}

/* Takes all that there is, and gives it back; returns how many bytes that were. */
static unsigned long exhaust(void)
{
    unsigned long count = 0;
    while (count < HUGE_PIECES && (huge[count] = uio_alloc(HUGE_PIECE)) != NULL) {
        ++count;
    }
    for (unsigned long i = 0; i < count; ++i) {
        uio_free(huge[i]);
    }
    return count * HUGE_PIECE;
}

int main(int argc, char **argv)
{
    unsigned long rounds = 20000, state = 1, wrong = 0, moved = 0, all, again;
    if (argc > 3 || (argc > 1 && !uio_parse(argv[1], &rounds)) || (argc > 2 && !uio_parse(argv[2], &state)) ||
        state == 0) {
        uio_dprintf(2, "usage: %s [ROUNDS [SEED]]\n", argv[0]);
        return 2;
    }
    for (unsigned long round = 0; round < rounds && !uio_interrupted(); ++round) {
        unsigned long random = next_random(&state);
        struct piece *piece = &pieces[random % PIECES];
        wrong += release(piece);
        if (!take(piece, random)) {
            uio_dprintf(2, "no memory in round %lu\n", round);
            return 1;
        }
        moved += piece->size;
    }
    for (int i = 0; i < PIECES; ++i) {
        wrong += release(&pieces[i]);
    }
    all = exhaust();
    again = exhaust();
    uio_printf("%lu rounds, %lu KiB written, %lu bytes wrong\n", rounds, moved >> 10, wrong);
    uio_printf("all there is: %lu KiB, and again %lu KiB\n", all >> 10, again >> 10);
    return wrong != 0 || again != all;
}
