/*
 * jumps.c - goes where there is no code for it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "unsafe.h"

/* Of the web server and the gate. */
unsigned long web_status_line(char *buffer, unsigned long len);
extern unsigned long web_requests;
extern unsigned long handlers[] UIO_PATH("hermit::uio::signal::HANDLERS");
void uio_gate_clear_pkru(void);
void uio_gate_enter(void);

/* wrpkru; ret. As data. */
static unsigned char data[] = {0x0f, 0x01, 0xef, 0xc3};
static const unsigned char constants[] = {0x0f, 0x01, 0xef, 0xc3};

static int wild(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return call((void *)0x123456789000);
}

static int no_address(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return call((void *)0x8000000000000000ul);
}

static int to_data(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return call(data);
}

static int to_constants(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return call(constants);
}

static int to_stack(int argc, char **argv)
{
    volatile unsigned char code[4];
    int i;
    (void)argc;
    (void)argv;
    for (i = 0; i < 4; ++i) {
        code[i] = data[i];
    }
    return call((void *)(uintptr_t)code);
}

static int to_heap(int argc, char **argv)
{
    unsigned char *code = uio_alloc(sizeof data);
    (void)argc;
    (void)argv;
    if (code == NULL) {
        return NOT_FOUND;
    }
    memcpy(code, data, sizeof data);
    return call(code);
}

/* Zeroes, of which `add` is made where data can be executed. */
static int to_kernel_data(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return call(handlers);
}

/* WRPKRU where the gate has it. */
static int to_wrpkru(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    __asm__ volatile("xor %%eax, %%eax\n\txor %%ecx, %%ecx\n\txor %%edx, %%edx\n\tcall *%0"
                     : : "r"(opaque((void *)(uintptr_t)uio_gate_clear_pkru)) : "rax", "rcx", "rdx", "memory");
    return rewrite(&web_requests);
}

/* The way from the kernel into a program. */
static int to_enter(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return call((void *)(uintptr_t)uio_gate_enter);
}

/* Behind the beginning of a function of the application, on data of its own for registers. */
static int into_app(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return call((char *)(uintptr_t)web_status_line + 5);
}

/* Straight to the instruction of a stub that crosses into the kernel, with a number that there is not. */
static int into_stub(int argc, char **argv)
{
    long result = 0;
    (void)argc;
    (void)argv;
    /* A stub starts with `mov %rcx, %r10` and `mov $number, %eax`, which have eight bytes together. */
    __asm__ volatile("mov $0x7fffffff, %%eax\n\tcall *%1"
                     : "=a"(result)
                     : "b"((char *)opaque((void *)(uintptr_t)uio_clock_us) + 8)
                     : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory");
    return result == -38 ? 0 : THROUGH;
}

static const struct variant VARIANTS[] = {
    {"wild", wild},
    {"no-address", no_address},
    {"data", to_data},
    {"constants", to_constants},
    {"stack", to_stack},
    {"heap", to_heap},
    {"kernel-data", to_kernel_data},
    {"wrpkru", to_wrpkru},
    {"enter", to_enter},
    {"app", into_app},
    {"stub", into_stub},
};

int main(int argc, char **argv)
{
    return CHOOSE(VARIANTS, argc, argv);
}
