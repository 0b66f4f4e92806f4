/*
 * memory.c - shows memory of whatever owner: the application's, the kernel's, its own.
 *
 *     uio cc memory.c -o memory.o
 *     uio exec web -- run /uio/memory.o web_requests web_bytes
 *     uio exec web -- run /uio/memory.o 0x200000 64      # an address and how many bytes
 *
 * uio_gate_read() reads what is there and says where memory ends; nothing here can fault.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <uio.h>

extern unsigned long web_requests, web_bytes;
unsigned long web_requests_of(const char *path);
int main(int argc, char **argv);

static const struct {
    const char *name;
    const void *address;
    unsigned long size;
} known[] = {
    {"web_requests", &web_requests, sizeof web_requests},
    {"web_bytes", &web_bytes, sizeof web_bytes},
    {"web_requests_of", (const void *)web_requests_of, 32},
    {"main", (const void *)main, 32},
};

enum { WIDTH = 16, WIDEST_LINE = 96 };

static void show_line(unsigned long address, const unsigned char *bytes, unsigned long len)
{
    char line[WIDEST_LINE];
    int used = uio_snprintf(line, sizeof line, "%012lx ", address);
    for (unsigned long i = 0; i < WIDTH; ++i) {
        const char *format = i < len ? " %02x" : "   ";
        used += uio_snprintf(line + used, sizeof line - (unsigned long)used, format, i < len ? bytes[i] : 0);
    }
    used += uio_snprintf(line + used, sizeof line - (unsigned long)used, "  |");
    for (unsigned long i = 0; i < len; ++i) {
        int c = bytes[i] >= 0x20 && bytes[i] < 0x7f ? bytes[i] : '.';
        used += uio_snprintf(line + used, sizeof line - (unsigned long)used, "%c", c);
    }
    uio_printf("%s|\n", line);
}

/* Returns whether all of it is there. */
static int show(unsigned long address, unsigned long len)
{
    while (len > 0 && !uio_interrupted()) {
        unsigned char bytes[WIDTH];
        unsigned long want = len < WIDTH ? len : WIDTH;
        long got = uio_gate_read(bytes, (const void *)address, want);
        if (got > 0) {
            show_line(address, bytes, (unsigned long)got);
        }
        if (got < (long)want) {
            uio_printf("%012lx  no memory\n", address + (unsigned long)(got > 0 ? got : 0));
            return 0;
        }
        address += want;
        len -= want;
    }
    return 1;
}

int main(int argc, char **argv)
{
    int missing = 0;
    for (int i = 1; i < argc; ++i) {
        unsigned long address, len = 64;
        unsigned long name = 0;
        while (name < sizeof known / sizeof *known && uio_strcmp(known[name].name, argv[i]) != 0) {
            ++name;
        }
        if (name < sizeof known / sizeof *known) {
            uio_printf("%s:\n", argv[i]);
            missing |= !show((unsigned long)(uintptr_t)known[name].address, known[name].size);
        } else if (uio_parse(argv[i], &address)) {
            if (i + 1 < argc && uio_parse(argv[i + 1], &len)) {
                ++i;
            }
            missing |= !show(address, len);
        } else {
            uio_dprintf(2, "%s: %s is no address and no name it knows\n", argv[0], argv[i]);
            return 2;
        }
    }
    if (argc < 2) {
        uio_dprintf(2, "usage: %s {NAME | ADDRESS [LENGTH]}...\n", argv[0]);
        return 2;
    }
    return missing;
}
