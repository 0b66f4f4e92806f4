/*
 * logfilter.c - prints the lines of its input that contain a text.
 *
 *     uio cc logfilter.c -o logfilter.o
 *     uio exec web -- run /uio/logfilter.o ERROR < server.log
 *     uio exec web -- run /uio/logfilter.o -v ' 200 ' /var/log/access.log   # a file of the guest
 *
 *     -v  the lines that do not contain it
 *     -i  letters of either case are the same
 *     -c  only how many there are
 *
 * The second form filters where the log is: only the lines that are wanted leave the guest. Status 0
 * if there were any, 1 if there were none. Lines of more than 4 KiB count as several.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <uio.h>

enum { LONGEST = 4096 };

static char buffer[LONGEST];
static char output[LONGEST];
static unsigned long pending;

struct options {
    int invert, fold, count;
    const char *text;
    unsigned long len;
};

static char folded(char c, int fold)
{
    return fold && c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static int contains(const char *line, unsigned long len, const struct options *options)
{
    for (unsigned long at = 0; at + options->len <= len; ++at) {
        unsigned long same = 0;
        while (same < options->len &&
               folded(line[at + same], options->fold) == folded(options->text[same], options->fold)) {
            ++same;
        }
        if (same == options->len) {
            return 1;
        }
    }
    return 0;
}

static long flush(void)
{
    long result = uio_write_all(1, output, pending);
    pending = 0;
    return result;
}

/* Writes, but not a line at a time. */
static long put(const char *bytes, unsigned long len)
{
    if (pending + len > sizeof output) {
        long result = flush();
        if (result < 0) {
            return result;
        }
    }
    memcpy(output + pending, bytes, len);
    pending += len;
    return 0;
}

/* Filters a descriptor. Returns how many lines there were, or an error. */
static long filter(int fd, const struct options *options)
{
    unsigned long used = 0;
    long lines = 0;
    for (;;) {
        unsigned long start = 0;
        long got = uio_fd_read(fd, buffer + used, sizeof buffer - used);
        if (got < 0) {
            return got;
        }
        used += (unsigned long)got;
        while (start < used) {
            unsigned long end = start;
            while (end < used && buffer[end] != '\n') {
                ++end;
            }
            if (end == used && got != 0 && !(start == 0 && used == sizeof buffer)) {
                break; /* The line goes on in what is not read yet. */
            }
            if (contains(buffer + start, end - start, options) != options->invert) {
                long result = options->count ? 0 : put(buffer + start, end - start);
                if (result == 0 && !options->count) {
                    result = put("\n", 1);
                }
                if (result < 0) {
                    return result;
                }
                ++lines;
            }
            start = end < used ? end + 1 : used;
        }
        memmove(buffer, buffer + start, used - start);
        used -= start;
        if (got == 0) {
            long result = flush();
            return result < 0 ? result : lines;
        }
    }
}

int main(int argc, char **argv)
{
    struct options options = {0, 0, 0, NULL, 0};
    int at = 1, fd = 0;
    long lines;
    for (; at < argc && argv[at][0] == '-' && argv[at][1] != '\0'; ++at) {
        for (const char *flag = argv[at] + 1; *flag != '\0'; ++flag) {
            options.invert |= *flag == 'v';
            options.fold |= *flag == 'i';
            options.count |= *flag == 'c';
            if (*flag != 'v' && *flag != 'i' && *flag != 'c') {
                at = argc;
                break;
            }
        }
    }
    if (at >= argc || argc - at > 2) {
        uio_dprintf(2, "usage: %s [-vic] TEXT [FILE]\n", argv[0]);
        return 2;
    }
    options.text = argv[at];
    options.len = strlen(options.text);
    if (at + 1 < argc) {
        fd = uio_open(argv[at + 1], UIO_READ, 0);
    }
    lines = fd < 0 ? fd : filter(fd, &options);
    if (lines < 0) {
        uio_dprintf(2, "%s: %s: error %ld\n", argv[0], at + 1 < argc ? argv[at + 1] : "standard input", -lines);
        return 2;
    }
    if (options.count) {
        uio_printf("%ld\n", lines);
    }
    return lines == 0;
}
