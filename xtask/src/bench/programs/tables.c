/*
 * A program of 4 to 5 kB as an object: several functions, constants, variables, pointers to them (so,
 * relocations in data), and calls into the guest.
 */
#include <uio.h>

struct step {
    const char *name;
    unsigned long (*run)(unsigned long);
};

static unsigned long seen[16];

#define S1(i) (unsigned long)(i) * (i) + (i)
#define S4(i) S1(i), S1((i) + 1), S1((i) + 2), S1((i) + 3)
#define S16(i) S4(i), S4((i) + 4), S4((i) + 8), S4((i) + 12)
#define S64(i) S16(i), S16((i) + 16), S16((i) + 32), S16((i) + 48)

static const unsigned long numbers[256] = {S64(0), S64(64), S64(128), S64(192)};

static unsigned long look_up(unsigned long x)
{
    return numbers[x & 255];
}

static unsigned long fold(unsigned long x)
{
    unsigned long sum = 0;

    for (; x; x >>= 4) {
        seen[x & 15]++;
        sum += x & 15;
    }
    return sum;
}

static unsigned long swap(unsigned long x)
{
    return __builtin_bswap64(x);
}

static unsigned long collatz(unsigned long x)
{
    unsigned long steps = 0;

    for (; x > 1 && steps < 1000; steps++) {
        x = x & 1 ? 3 * x + 1 : x / 2;
    }
    return steps;
}

static unsigned long clock_now(unsigned long x)
{
    return uio_clock_us() - x;
}

static const struct step steps[] = {
    {"fold", fold},
    {"swap", swap},
    {"collatz", collatz},
    {"clock", clock_now},
    {"look up", look_up},
};

int main(int argc, char **argv)
{
    unsigned long x = 27 + (unsigned long)argc;

    for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (steps[i].run(x) == 1 && argv[0][0] == '?') {
            uio_fd_write(1, steps[i].name, strlen(steps[i].name));
        }
    }
    return seen[12] == 0;
}
