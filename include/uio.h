/*
 * uio.h - what a program that runs inside a unikernel may call.
 *
 * A program is one relocatable object with a function `int main(int argc, char **argv)`; `uio cc
 * hello.c -o hello.o` makes it, and `run /uio/hello.o` runs it. Besides the functions below it may
 * use every function and variable of the image: declare it and use it.
 *
 *     #include <uio.h>
 *
 *     extern unsigned long requests;                       // by its name in the image
 *     extern void flush(void) UIO_PATH("web::log::flush"); // by its Rust path
 *
 *     int main(int argc, char **argv) {
 *         uio_printf("%s: %lu requests\n", argv[0], requests);
 *         uio_call(flush);
 *         uio_write(requests, 0);
 *         return 0;
 *     }
 *
 * A program reads all of the image and writes only its own memory. It calls functions of the image
 * directly where those write nothing but what the program handed to them. For all else there are two
 * gates, `uio_call` and `uio_write`, which open if the policy in force allows the target.
 *
 * C11 or C++11, gcc or clang. Needs no other header, library or start-up code.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef UIO_H
#define UIO_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define UIO_NOTHROW noexcept
extern "C" {
#else
#define UIO_NOTHROW
#endif

/* Declares a symbol of the image by its Rust path, without the hash at its end. */
#ifdef __clang__
#define UIO_PATH(path) __asm__(path)
#else
#define UIO_PATH(path) __asm__("\"" path "\"")
#endif

/*
 * The interface: functions that every guest provides, whatever image it runs. Where a function can
 * fail, it returns a negative Linux error number: -2 is ENOENT, -4 (EINTR) tells that the request
 * was interrupted, -19 (ENODEV) that the path lies on the share and none is attached.
 */

/* Writes to standard output (1), standard error (2) or an open file, there at its position. Returns
 * the number of bytes written. Waits until the client takes them. */
long uio_fd_write(int fd, const void *bytes, unsigned long len);

/* Reads from standard input (0) or an open file, there at its position. Returns the number of bytes
 * read, 0 at the end. */
long uio_fd_read(int fd, void *bytes, unsigned long len);

/* Flags of uio_open(). */
#define UIO_READ 1      /* for reading */
#define UIO_WRITE 2     /* for writing */
#define UIO_CREATE 4    /* make it, with the permission bits `mode`, if it does not exist */
#define UIO_EXCLUSIVE 8 /* with UIO_CREATE: fail if it exists */
#define UIO_TRUNCATE 16 /* cut it to nothing */

/* Opens a file by its absolute path. Returns a descriptor; what is still open at the program's end
 * is closed then. */
int uio_open(const char *path, int flags, int mode);

/* Closes a file. Returns 0. */
int uio_close(int fd);

/* Reads and writes at an offset, without moving the file's position. */
long uio_pread(int fd, void *bytes, unsigned long len, unsigned long offset);
long uio_pwrite(int fd, const void *bytes, unsigned long len, unsigned long offset);

/* Bytes of an open file. */
long uio_size(int fd);

/* Waits until what was written is on the server's disk. Returns 0. */
int uio_sync(int fd);

/* Removes a file. Returns 0. */
int uio_unlink(const char *path);

/* Ends the program; its destructors still run. */
void uio_exit(int status) __attribute__((noreturn));

/* Whether the client asked the program to end. A program that computes for long should ask now and
 * then; every function here that waits returns -4 once it is so. */
int uio_interrupted(void);

/* Sleeps. Returns 0. */
long uio_sleep_ms(unsigned long ms);

/* Lets others run. */
void uio_yield(void);

/* Microseconds since boot, and since the epoch. */
unsigned long uio_clock_us(void);
unsigned long uio_now_us(void);

/* Memory, aligned to 16 bytes; null when there is none left. What is still allocated at the
 * program's end is freed then. */
void *uio_alloc(unsigned long bytes);
void uio_free(void *memory);

/*
 * The gates. Beside the functions here there are the macros uio_call() and uio_write() below, which
 * know the types of what they call and write.
 */

/* What came of a call: its value, and 0; or -1 (EPERM) if the policy does not allow that function,
 * -14 (EFAULT) if it is none. */
struct uio_called {
    unsigned long value;
    long error;
};

/* Calls `function` of the image, which may write whatever the image may, with up to five arguments
 * that are integers or pointers. The function comes last, since its arguments are then in the
 * registers where it expects them; uio_gate() below has the usual order. */
struct uio_called uio_gate_call(unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e,
                                void *function);

/* Writes `len` bytes to a variable of the image. Returns 0; -1 (EPERM) if the policy does not allow
 * that variable, -14 (EFAULT) if there is no memory that may be written. Nothing is written then. */
long uio_gate_write(void *to, const void *from, unsigned long len);

/* Reads memory of whatever owner without ever faulting. Returns the number of bytes read, which are
 * fewer than `len` where memory ends; -14 (EFAULT) if there are none at all. */
long uio_gate_read(void *to, const void *from, unsigned long len);

/* Raises a signal in the application, as the command `kill` does. Returns 0; -1 (EPERM) if the
 * policy does not allow it, -3 (ESRCH) if the application has no handler for it. */
int uio_signal(int number);

/* What compilers call by themselves. */
void *memcpy(void *to, const void *from, size_t len) UIO_NOTHROW;
void *memmove(void *to, const void *from, size_t len) UIO_NOTHROW;
void *memset(void *to, int byte, size_t len) UIO_NOTHROW;
int memcmp(const void *a, const void *b, size_t len) UIO_NOTHROW;
int bcmp(const void *a, const void *b, size_t len) UIO_NOTHROW;
size_t strlen(const char *string) UIO_NOTHROW;

#ifdef __cplusplus
}
#endif

/*
 * Helpers, compiled into the program that uses them.
 */

#define UIO_HELPER static __attribute__((unused))

/* Writes all of it. Returns 0. */
UIO_HELPER long uio_write_all(int fd, const void *bytes, unsigned long len)
{
    const char *from = (const char *)bytes;
    while (len != 0) {
        long written = uio_fd_write(fd, from, len);
        if (written < 0) {
            return written;
        }
        if (written == 0) {
            return -5; /* EIO */
        }
        from += written;
        len -= (unsigned long)written;
    }
    return 0;
}

/* Compares strings: negative, 0 or positive. */
UIO_HELPER int uio_strcmp(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        ++a;
        ++b;
    }
    return (int)(unsigned char)*a - (int)(unsigned char)*b;
}

/* Reads a number, decimal or after `0x` hexadecimal, that makes up the whole string. Returns
 * whether it did. */
UIO_HELPER int uio_parse(const char *text, unsigned long *number)
{
    unsigned long base = 10;
    unsigned long value = 0;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        text += 2;
    }
    if (*text == '\0') {
        return 0;
    }
    for (; *text != '\0'; ++text) {
        char letter = (char)(*text | 0x20);
        unsigned long digit;
        if (*text >= '0' && *text <= '9') {
            digit = (unsigned long)(*text - '0');
        } else if (letter >= 'a' && letter <= 'f') {
            digit = (unsigned long)(letter - 'a') + 10;
        } else {
            return 0;
        }
        if (digit >= base || value > (~0UL - digit) / base) {
            return 0;
        }
        value = value * base + digit;
    }
    *number = value;
    return 1;
}

/*
 * Formatted output, as printf(3):
 *   flags `-`, `+`, space, `#`, `0`; width and precision, also as `*`; length `hh`, `h`, `l`, `ll`,
 *   `z`, `t`, `j`; conversions d i u o x X c s p %.
 * Anything else, floating point and `%n` among it, is refused: the function returns -22 (EINVAL).
 */

/* Where formatted output goes: to memory, or through memory to a file. */
struct uio_out {
    char *memory;
    unsigned long room;
    unsigned long used;
    unsigned long total;
    int fd; /* -1: to memory alone, and what has no room is dropped */
    long error;
};

struct uio_format {
    int left, plus, space, alternative, zero;
    long width;
    long precision; /* -1: none */
};

UIO_HELPER void uio_out_flush(struct uio_out *out)
{
    if (out->fd >= 0 && out->used != 0) {
        long error = uio_write_all(out->fd, out->memory, out->used);
        if (error < 0 && out->error == 0) {
            out->error = error;
        }
        out->used = 0;
    }
}

UIO_HELPER void uio_out_char(struct uio_out *out, char c)
{
    if (out->used == out->room) {
        uio_out_flush(out);
    }
    if (out->used < out->room) {
        out->memory[out->used] = c;
        ++out->used;
    }
    ++out->total;
}

UIO_HELPER void uio_out_fill(struct uio_out *out, char c, long count)
{
    for (; count > 0; --count) {
        uio_out_char(out, c);
    }
}

/* A prefix (sign or base), zeroes and text, in a field. */
UIO_HELPER void uio_out_field(struct uio_out *out, const struct uio_format *format, const char *prefix,
                              long zeroes, const char *text, long len)
{
    long used = len;
    const char *p;
    for (p = prefix; *p != '\0'; ++p) {
        ++used;
    }
    if (zeroes > 0) {
        used += zeroes;
    } else {
        zeroes = 0;
    }
    if (!format->left && !format->zero) {
        uio_out_fill(out, ' ', format->width - used);
    }
    for (p = prefix; *p != '\0'; ++p) {
        uio_out_char(out, *p);
    }
    if (!format->left && format->zero) {
        uio_out_fill(out, '0', format->width - used);
    }
    uio_out_fill(out, '0', zeroes);
    for (p = text; len > 0; --len, ++p) {
        uio_out_char(out, *p);
    }
    if (format->left) {
        uio_out_fill(out, ' ', format->width - used);
    }
}

UIO_HELPER void uio_out_number(struct uio_out *out, struct uio_format *format, unsigned long long value,
                               unsigned base, int upper, const char *prefix)
{
    char digits[24];
    int at = (int)sizeof digits;
    long len;
    if (format->precision >= 0) {
        format->zero = 0;
    }
    while (value != 0) {
        unsigned digit = (unsigned)(value % base);
        value /= base;
        --at;
        digits[at] = (char)(digit < 10 ? '0' + (int)digit : (upper ? 'A' : 'a') + (int)digit - 10);
    }
    if (at == (int)sizeof digits && format->precision != 0) {
        --at;
        digits[at] = '0';
    }
    len = (long)sizeof digits - at;
    if (base == 8 && format->alternative && (len == 0 || digits[at] != '0') && format->precision <= len) {
        format->precision = len + 1;
    }
    uio_out_field(out, format, prefix, format->precision - len, digits + at, len);
}

UIO_HELPER const char *uio_out_prefix(const struct uio_format *format, int negative)
{
    return negative ? "-" : format->plus ? "+" : format->space ? " " : "";
}

/* A width or precision. */
UIO_HELPER const char *uio_format_count(const char *f, long *count)
{
    *count = 0;
    for (; *f >= '0' && *f <= '9'; ++f) {
        if (*count < 1000000) {
            *count = *count * 10 + (*f - '0');
        }
    }
    return f;
}

UIO_HELPER const char *uio_format_flags(const char *f, struct uio_format *format)
{
    for (;; ++f) {
        switch (*f) {
        case '-': format->left = 1; break;
        case '+': format->plus = 1; break;
        case ' ': format->space = 1; break;
        case '#': format->alternative = 1; break;
        case '0': format->zero = 1; break;
        default: return f;
        }
    }
}

UIO_HELPER void uio_out_string(struct uio_out *out, const struct uio_format *format, const char *text)
{
    long len = 0;
    struct uio_format field = *format;
    field.zero = 0;
    if (text == NULL) {
        text = "(null)";
    }
    while ((format->precision < 0 || len < format->precision) && text[len] != '\0') {
        ++len;
    }
    uio_out_field(out, &field, "", 0, text, len);
}

UIO_HELPER void uio_vformat(struct uio_out *out, const char *f, va_list args)
{
    for (; *f != '\0'; ++f) {
        struct uio_format format = {0, 0, 0, 0, 0, 0, -1};
        int size = 0; /* -2 char, -1 short, 0 int, 1 long, 2 long long */
        unsigned long long value;
        long long number;
        char c;
        if (*f != '%') {
            uio_out_char(out, *f);
            continue;
        }
        f = uio_format_flags(f + 1, &format);
        if (*f == '*') {
            format.width = va_arg(args, int);
            if (format.width < 0) {
                format.left = 1;
                format.width = -format.width;
            }
            ++f;
        } else {
            f = uio_format_count(f, &format.width);
        }
        if (*f == '.') {
            ++f;
            if (*f == '*') {
                format.precision = va_arg(args, int);
                if (format.precision < 0) {
                    format.precision = -1;
                }
                ++f;
            } else {
                f = uio_format_count(f, &format.precision);
            }
        }
        for (;; ++f) {
            if (*f == 'h' && size > -2) {
                --size;
            } else if (*f == 'l' && size < 2) {
                ++size;
            } else if (*f == 'z' || *f == 't' || *f == 'j') {
                size = 1;
            } else {
                break;
            }
        }
        switch (*f) {
        case '%':
            uio_out_char(out, '%');
            break;
        case 'c':
            c = (char)va_arg(args, int);
            format.zero = 0;
            uio_out_field(out, &format, "", 0, &c, 1);
            break;
        case 's':
            uio_out_string(out, &format, va_arg(args, const char *));
            break;
        case 'p':
            uio_out_number(out, &format, (unsigned long long)(uintptr_t)va_arg(args, void *), 16, 0, "0x");
            break;
        case 'd':
        case 'i':
            number = size == 2 ? va_arg(args, long long) : size == 1 ? va_arg(args, long) : va_arg(args, int);
            number = size == -1 ? (short)number : size == -2 ? (signed char)number : number;
            value = number < 0 ? 0 - (unsigned long long)number : (unsigned long long)number;
            uio_out_number(out, &format, value, 10, 0, uio_out_prefix(&format, number < 0));
            break;
        case 'u':
        case 'o':
        case 'x':
        case 'X':
            value = size == 2   ? va_arg(args, unsigned long long)
                    : size == 1 ? va_arg(args, unsigned long)
                                : va_arg(args, unsigned int);
            value = size == -1 ? (unsigned short)value : size == -2 ? (unsigned char)value : value;
            uio_out_number(out, &format, value, *f == 'u' ? 10 : *f == 'o' ? 8 : 16, *f == 'X',
                           value == 0 || !format.alternative || *f == 'u' || *f == 'o' ? ""
                           : *f == 'X'                                                 ? "0X"
                                                                                       : "0x");
            break;
        default:
            out->error = -22; /* EINVAL */
            return;
        }
    }
}

/* Formats to memory; cuts what has no room, and ends it with a zero if there is room for any.
 * Returns the length of the whole. */
UIO_HELPER __attribute__((format(printf, 3, 0))) int uio_vsnprintf(char *memory, unsigned long room,
                                                                  const char *format, va_list args)
{
    struct uio_out out = {memory, 0, 0, 0, -1, 0};
    if (room != 0) {
        out.room = room - 1;
    }
    uio_vformat(&out, format, args);
    if (room != 0) {
        memory[out.used] = '\0';
    }
    return out.error < 0 ? (int)out.error : (int)out.total;
}

/* See uio_vsnprintf(). */
UIO_HELPER __attribute__((format(printf, 3, 4))) int uio_snprintf(char *memory, unsigned long room,
                                                                 const char *format, ...)
{
    va_list args;
    int len;
    va_start(args, format);
    len = uio_vsnprintf(memory, room, format, args);
    va_end(args);
    return len;
}

/* Formats to an open file. Returns how many bytes that were. */
UIO_HELPER __attribute__((format(printf, 2, 0))) int uio_vdprintf(int fd, const char *format, va_list args)
{
    char memory[256];
    struct uio_out out = {memory, sizeof memory, 0, 0, 0, 0};
    out.fd = fd;
    uio_vformat(&out, format, args);
    uio_out_flush(&out);
    return out.error < 0 ? (int)out.error : (int)out.total;
}

/* See uio_vdprintf(). */
UIO_HELPER __attribute__((format(printf, 2, 3))) int uio_dprintf(int fd, const char *format, ...)
{
    va_list args;
    int len;
    va_start(args, format);
    len = uio_vdprintf(fd, format, args);
    va_end(args);
    return len;
}

/* Formats to standard output. Returns how many bytes that were. */
UIO_HELPER __attribute__((format(printf, 1, 2))) int uio_printf(const char *format, ...)
{
    va_list args;
    int len;
    va_start(args, format);
    len = uio_vdprintf(1, format, args);
    va_end(args);
    return len;
}

/* Writes a line to standard output. Returns 0. */
UIO_HELPER long uio_puts(const char *line)
{
    return uio_printf("%s\n", line) < 0 ? -5 : 0;
}

/*
 * The gates with types.
 *
 *   uio_call(function, arguments...)             calls it; the value is what it returned
 *   uio_try_call(&word, function, arguments...)  0, or why not; what it returned goes to `word`
 *   uio_write(variable, value)                   assigns
 *   uio_try_write(variable, value)               0, or why not
 *   uio_write_bytes(to, from, len)               copies, where there is no single value
 *
 * Arguments, up to five, and results are integers or pointers; whatever a declaration of the function
 * says of them is checked. Floating point is refused, but for a floating parameter that is given an
 * integer, which C does not let a macro see. `word` is an unsigned long; its address may be null.
 *
 * uio_call(), uio_write() and uio_write_bytes() end a program that is refused, with a message and status
 * 126. The others return -1 (EPERM) or -14 (EFAULT), see uio_gate() and uio_gate_write().
 */

#define UIO_REFUSED 126

/* Ends the program. */
UIO_HELPER __attribute__((noreturn, cold)) void uio_refuse(const char *what, long error)
{
    const char *why = error == -1    ? "the policy in force does not allow it"
                      : error == -14 ? "there is nothing of that kind in the image"
                                     : NULL;
    if (why != NULL) {
        uio_dprintf(2, "%s: %s\n", what, why);
    } else {
        uio_dprintf(2, "%s: error %ld\n", what, error);
    }
    uio_exit(UIO_REFUSED);
}

/* Calls `function` of the image through the gate, see uio_gate_call(). */
UIO_HELPER inline struct uio_called uio_gate(void *function, unsigned long a, unsigned long b, unsigned long c,
                                             unsigned long d, unsigned long e)
{
    return uio_gate_call(a, b, c, d, e, function);
}

UIO_HELPER unsigned long uio_value_or_end(const char *what, struct uio_called called)
{
    if (called.error < 0) {
        uio_refuse(what, called.error);
    }
    return called.value;
}

/* Stores the value, if there is one and somebody wants it. Returns 0, or why there is none. */
UIO_HELPER int uio_value_or_error(unsigned long *result, struct uio_called called)
{
    if (called.error == 0 && result != NULL) {
        *result = called.value;
    }
    return (int)called.error;
}

UIO_HELPER void uio_write_or_end(const char *what, uintptr_t to, const void *from, unsigned long len)
{
    long error = uio_gate_write((void *)to, from, len);
    if (error < 0) {
        uio_refuse(what, error);
    }
}

UIO_HELPER void uio_write_bytes(void *to, const void *from, unsigned long len)
{
    uio_write_or_end("uio_write_bytes", (uintptr_t)to, from, len);
}

#define uio_call(...) UIO_CALL("uio_call(" #__VA_ARGS__ ")", __VA_ARGS__)
#define uio_write(variable, value) UIO_ASSIGN("uio_write(" #variable ")", variable, value)

#ifdef __cplusplus

template <class T> struct uio_is_word { enum { value = 1 }; };
template <> struct uio_is_word<float> { enum { value = 0 }; };
template <> struct uio_is_word<double> { enum { value = 0 }; };
template <> struct uio_is_word<long double> { enum { value = 0 }; };

template <class T> inline unsigned long uio_word(T value)
{
    static_assert(uio_is_word<T>::value, "gates pass integers and pointers");
    return (unsigned long)value;
}

/* What a caller passes is converted as in a call, without a word on widths and signs. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"

#define UIO_CALL(what, ...) uio_call_as(what, __VA_ARGS__)
#define UIO_ASSIGN(what, variable, value) uio_write_as(what, variable, value)

template <class R, class... P, class... A> inline uio_called uio_pass(R (*function)(P...), A... args)
{
    static_assert(uio_is_word<R>::value, "gates pass integers and pointers");
    static_assert(sizeof...(P) <= 5, "gates pass five arguments");
    const unsigned long words[6] = {uio_word<P>(args)...};
    return uio_gate((void *)function, words[0], words[1], words[2], words[3], words[4]);
}

template <class R, class... P, class... A> inline R uio_call_as(const char *what, R (*function)(P...), A... args)
{
    return (R)uio_value_or_end(what, uio_pass(function, args...));
}

template <class R, class... P, class... A>
inline int uio_try_call(unsigned long *result, R (*function)(P...), A... args)
{
    return uio_value_or_error(result, uio_pass(function, args...));
}

template <class T, class V> inline void uio_write_as(const char *what, T &variable, const V &value)
{
    T copy = value;
    uio_write_or_end(what, (uintptr_t)&variable, (const void *)&copy, sizeof copy);
}

template <class T, class V> inline long uio_try_write(T &variable, const V &value)
{
    T copy = value;
    return uio_gate_write((void *)(uintptr_t)&variable, (const void *)&copy, sizeof copy);
}

#pragma GCC diagnostic pop

#else

/* How many arguments follow the function, which is the first: 0 to 5. */
#define UIO_COUNT(...) UIO_COUNT_(__VA_ARGS__, 5, 4, 3, 2, 1, 0, 0)
#define UIO_COUNT_(f, a, b, c, d, e, n, ...) n
#define UIO_FIRST(...) UIO_FIRST_(__VA_ARGS__, 0)
#define UIO_FIRST_(f, ...) f
#define UIO_JOIN(a, b) UIO_JOIN_(a, b)
#define UIO_JOIN_(a, b) a##b

/* An argument as a word; not a floating one. */
#define UIO_WORD(value) ((unsigned long)(value) + 0 * sizeof(char[UIO_IS_REAL(value) ? -1 : 1]))
#define UIO_IS_REAL(value) _Generic((__typeof__(value) *)0, float *: 1, double *: 1, long double *: 1, default: 0)

/* The call as C has it, which is not made but has a type, and its arguments as words. */
#define UIO_TYPED(...) UIO_JOIN(UIO_TYPED_, UIO_COUNT(__VA_ARGS__))(__VA_ARGS__)
#define UIO_TYPED_0(f) (f)()
#define UIO_TYPED_1(f, a) (f)(a)
#define UIO_TYPED_2(f, a, b) (f)(a, b)
#define UIO_TYPED_3(f, a, b, c) (f)(a, b, c)
#define UIO_TYPED_4(f, a, b, c, d) (f)(a, b, c, d)
#define UIO_TYPED_5(f, a, b, c, d, e) (f)(a, b, c, d, e)

#define UIO_WORDS(...) UIO_JOIN(UIO_WORDS_, UIO_COUNT(__VA_ARGS__))(__VA_ARGS__)
#define UIO_WORDS_0(f) 0, 0, 0, 0, 0
#define UIO_WORDS_1(f, a) UIO_WORD(a), 0, 0, 0, 0
#define UIO_WORDS_2(f, a, b) UIO_WORD(a), UIO_WORD(b), 0, 0, 0
#define UIO_WORDS_3(f, a, b, c) UIO_WORD(a), UIO_WORD(b), UIO_WORD(c), 0, 0
#define UIO_WORDS_4(f, a, b, c, d) UIO_WORD(a), UIO_WORD(b), UIO_WORD(c), UIO_WORD(d), 0
#define UIO_WORDS_5(f, a, b, c, d, e) UIO_WORD(a), UIO_WORD(b), UIO_WORD(c), UIO_WORD(d), UIO_WORD(e)

#define UIO_PASS(...)                                                                                    \
    uio_gate((void *)(uintptr_t)(UIO_FIRST(__VA_ARGS__)), UIO_WORDS(__VA_ARGS__))

#define UIO_CALL(what, ...)                                                                              \
    __extension__({                                                                                      \
        _Static_assert(!UIO_IS_REAL(UIO_TYPED(__VA_ARGS__)), "gates pass integers and pointers");        \
        (__typeof__(UIO_TYPED(__VA_ARGS__)))uio_value_or_end(what, UIO_PASS(__VA_ARGS__));               \
    })

#define uio_try_call(result, ...)                                                                        \
    __extension__({                                                                                      \
        _Static_assert(!UIO_IS_REAL(UIO_TYPED(__VA_ARGS__)), "gates pass integers and pointers");        \
        if (0) {                                                                                         \
            (void)(__typeof__(UIO_TYPED(__VA_ARGS__)))0ul;                                               \
        }                                                                                                \
        uio_value_or_error(result, UIO_PASS(__VA_ARGS__));                                               \
    })

#define UIO_ASSIGN(what, variable, value)                                                                 \
    __extension__({                                                                                      \
        __typeof__(variable) uio_value_ = (value);                                                       \
        uio_write_or_end(what, (uintptr_t)&(variable), (const void *)&uio_value_, sizeof uio_value_);    \
    })

#define uio_try_write(variable, value)                                                                   \
    __extension__({                                                                                      \
        __typeof__(variable) uio_value_ = (value);                                                       \
        uio_gate_write((void *)(uintptr_t)&(variable), (const void *)&uio_value_, sizeof uio_value_);    \
    })

#endif

#endif
