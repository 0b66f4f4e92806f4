/* Formatted output of uio.h against the C library's. Says what differs; exit status 1 if anything does. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uio.h>

static int failed;

long uio_fd_write(int fd, const void *bytes, unsigned long len)
{
    (void)fd;
    (void)bytes;
    return (long)len;
}

/* What the header's helpers for gates refer to; nothing here uses them. */
void uio_exit(int status)
{
    exit(status);
}

struct uio_called uio_gate_call(unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e,
                                void *function)
{
    struct uio_called refused = {a + b + c + d + e, -1};
    (void)function;
    return refused;
}

long uio_gate_write(void *to, const void *from, unsigned long len)
{
    (void)to;
    (void)from;
    (void)len;
    return -1;
}

static void complain(const char *what)
{
    printf("%s\n", what);
    failed = 1;
}

static void compare(const char *format, ...)
{
    char ours[512], theirs[512];
    static const unsigned long rooms[] = {sizeof ours, 8, 1};
    for (unsigned i = 0; i < 3; ++i) {
        va_list args;
        va_start(args, format);
        int a = uio_vsnprintf(ours, rooms[i], format, args);
        va_end(args);
        va_start(args, format);
        int b = vsnprintf(theirs, rooms[i], format, args);
        va_end(args);
        if (a != b || strcmp(ours, theirs) != 0) {
            printf("%s in %lu bytes: [%s] %d, should be [%s] %d\n", format, rooms[i], ours, a, theirs, b);
            failed = 1;
        }
    }
}

static void numbers(void)
{
    static const char *const flags[] = {
        "", "5", "-5", "05", "+", " ", "#", "#10", "#010", "-#10", "+010", ".0", ".3", "10.4", "-10.4", "010.4", "#.5",
        "#.0", "+.0", "30", ".25", "1", "02", "+02", " 03", "+ -7", "-05", "0-5", ".", "8."};
    static const char *const lengths[] = {"hh", "h", "", "l", "ll", "z", "t", "j"};
    static const long long values[] = {0, 1, 7, 8, 9, 10, 63, 255, 256, -1, -128, -129, 32768, 12345678901234, LLONG_MAX, LLONG_MIN};
    for (unsigned f = 0; f < sizeof flags / sizeof *flags; ++f) {
        for (unsigned l = 0; l < sizeof lengths / sizeof *lengths; ++l) {
            for (const char *conversion = "diuoxX"; *conversion; ++conversion) {
                char format[32];
                snprintf(format, sizeof format, "<%%%s%s%c>", flags[f], lengths[l], *conversion);
                for (unsigned v = 0; v < sizeof values / sizeof *values; ++v) {
                    if (l < 3) {
                        compare(format, (int)values[v]);
                    } else {
                        compare(format, values[v]);
                    }
                }
            }
        }
    }
}

static void texts(void)
{
    compare("plain");
    compare("%%");
    compare("100%% of %s", "it");
    compare("%s", "");
    compare("%10s|", "right");
    compare("%-10s|", "left");
    compare("%.2s", "cut");
    compare("%.0s", "gone");
    compare("%8.3s|", "mixed");
    compare("%-8.3s|", "mixed");
    compare("%.9s", "short");
    compare("%c%c", 'a', 'b');
    compare("%3c|%-3c|", 'x', 'y');
    compare("%p", (void *)0x1234);
    compare("%20p|%-20p|", (void *)numbers, (void *)texts);
    compare("%*d|%-*d|%*d|", 5, 1, 5, 2, -5, 3);
    compare("%.*d %.*s %.*d", 3, 7, 2, "abc", -1, 9);
    compare("%s %d %s %lu %c", "many", -1, "args", ULONG_MAX, '!');
    compare("%300d", 1);
}

static void refusals(void)
{
    static const char *const refused[] = {"%f", "%e", "%g", "%a", "%n", "%S", "%", "%5", "%.3", "%l", "%y"};
    char memory[8] = "abc";
    for (unsigned i = 0; i < sizeof refused / sizeof *refused; ++i) {
        if (uio_snprintf(memory, sizeof memory, refused[i], "", "") != -22) {
            printf("%s is not refused\n", refused[i]);
            failed = 1;
        }
    }
    strcpy(memory, "abc");
    if (uio_snprintf(memory, 0, "%d", 12345) != 5 || strcmp(memory, "abc") != 0) complain("no room");
    if (uio_snprintf(NULL, 0, "%s", "measure") != 7) complain("measure");
    if (uio_printf("%1000d", 1) != 1000) complain("long output");
}

static void parsing(void)
{
    static const struct {
        const char *text;
        int good;
        unsigned long number;
    } cases[] = {
        {"0", 1, 0}, {"42", 1, 42}, {"0x2a", 1, 42}, {"0XfF", 1, 255}, {"18446744073709551615", 1, ULONG_MAX},
        {"0xffffffffffffffff", 1, ULONG_MAX}, {"18446744073709551616", 0, 0}, {"0x10000000000000000", 0, 0},
        {"", 0, 0}, {"0x", 0, 0}, {"-1", 0, 0}, {"1 ", 0, 0}, {"12a", 0, 0}, {"0xg", 0, 0}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; ++i) {
        unsigned long number = 0;
        int good = uio_parse(cases[i].text, &number);
        if (good != cases[i].good || number != cases[i].number) {
            printf("uio_parse(\"%s\"): %d, %lu\n", cases[i].text, good, number);
            failed = 1;
        }
    }
    if (uio_strcmp("a", "b") >= 0 || uio_strcmp("b", "a") <= 0 || uio_strcmp("", "") != 0 || uio_strcmp("\xff", "a") <= 0) {
        complain("uio_strcmp");
    }
}

int main(void)
{
    numbers();
    texts();
    refusals();
    parsing();
    return failed;
}
