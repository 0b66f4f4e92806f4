/*
 * @name@.c - greets.
 *
 * What else a program can do: <uio.h>, which `uio cc` brings along.
 */
#include <uio.h>

int main(int argc, char **argv)
{
    if (argc < 2) {
        uio_puts("Hello from inside!");
    }
    for (int i = 1; i < argc; ++i) {
        uio_printf("Hello, %s!\n", argv[i]);
    }
    return 0;
}
