/*
 * gates.c - misuses the gates and the interface: targets that are none, pointers to what is not the
 * program's, calls inside calls.
 *
 * A call that is refused as it must be gives status 0.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "pages.h"
#include "unsafe.h"

#define EPERM 1
#define EFAULT 14

/* Exported by the web server. */
extern unsigned long web_requests;
unsigned long web_requests_of(const char *path);

/* Of the kernel, and not exported. */
void sys_yield(void);
int sys_spawn2(void (*function)(unsigned long), unsigned long argument, unsigned char priority, unsigned long stack,
               long core);
extern unsigned long tasks[] UIO_PATH("hermit::scheduler::TASKS");

/* A function of the image, by its address. */
typedef unsigned long function(unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e);

/* Calls what lies at an address through the gate. Gives why not. */
static int gate(const void *address)
{
    return uio_try_call(NULL, (function *)(uintptr_t)address, 0, 0, 0, 0, 0);
}

static int refused(long error, long expected)
{
    return error == -expected ? 0 : THROUGH;
}

/* Data of the application, called. */
static int call_data(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return refused(gate(&web_requests), EFAULT);
}

/* A function of the program itself, called with the rights of the kernel. */
static int call_own(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return refused(gate((const void *)(uintptr_t)call_own), EFAULT);
}

static int call_nothing(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return gate(NULL) == -EFAULT && gate((void *)~0ul) == -EFAULT &&
                   gate((void *)0x8000000000000000ul) == -EFAULT
               ? 0
               : THROUGH;
}

/* A function that the application does not export; for the policy `control`. */
static int call_unexported(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return refused(gate((const void *)(uintptr_t)sys_yield), EPERM);
}

/* Not the beginning of an exported function; for the policy `control`. */
static int call_middle(int argc, char **argv)
{
    const char *start = (const char *)(uintptr_t)web_requests_of;
    (void)argc;
    (void)argv;
    return refused(gate(start + 1), EPERM);
}

/* What is exported may be called under `control`, and other policies allow nothing. */
static int call_exported(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return -gate((const void *)(uintptr_t)web_requests_of);
}

/* A variable that the application does not export; for the policy `control`. */
static int write_unexported(int argc, char **argv)
{
    unsigned long same = tasks[0];
    (void)argc;
    (void)argv;
    return refused(uio_gate_write(tasks, &same, sizeof same), EPERM);
}

/* An exported variable and what follows it; for the policy `control`. */
static int write_too_much(int argc, char **argv)
{
    unsigned long same[2] = {web_requests, 0};
    (void)argc;
    (void)argv;
    return refused(uio_gate_write(&web_requests, same, sizeof same), EPERM);
}

/* An exported variable, from memory that is not there. */
static int write_from_nowhere(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return refused(uio_gate_write(&web_requests, opaque((void *)0x123456789000), 8), EFAULT);
}

/* A variable of its own text, through the gate: nothing writes text. */
static int write_own_text(int argc, char **argv)
{
    unsigned char same = *(volatile unsigned char *)(uintptr_t)write_own_text;
    (void)argc;
    (void)argv;
    return refused(uio_gate_write((void *)(uintptr_t)write_own_text, &same, 1), EFAULT);
}

/* Has the interface write for it where it must not write itself. */
static int deputy(int argc, char **argv)
{
    int fd = uio_open("/uio/README.md", UIO_READ, 0);
    unsigned long before = tasks[0];
    (void)argc;
    (void)argv;
    if (fd < 0) {
        return NOT_FOUND;
    }
    if (uio_fd_read(fd, tasks, 8) != -EFAULT || uio_pread(fd, tasks, 8, 0) != -EFAULT ||
        uio_gate_read(tasks, &fd, 8) != -EFAULT || uio_fd_read(0, tasks, 8) != -EFAULT ||
        uio_pread(fd, opaque((void *)(uintptr_t)deputy), 8, 0) != -EFAULT ||
        uio_pread(fd, opaque((void *)(uintptr_t)uio_exit), 8, 0) != -EFAULT) {
        return THROUGH;
    }
    return tasks[0] == before ? 0 : THROUGH;
}

/* Hands the interface pointers that lead nowhere, and lengths that wrap. */
static int pointers(int argc, char **argv)
{
    static char byte;
    char *nowhere = opaque((void *)0x123456789000);
    char *invalid = opaque((void *)0x8000000000000000ul);
    int fd = uio_open("/uio/README.md", UIO_READ, 0);
    (void)argc;
    (void)argv;
    return fd < 0                                              ? NOT_FOUND
           : uio_fd_write(1, NULL, 100) != -EFAULT             ? THROUGH
           : uio_fd_write(1, nowhere, 1) != -EFAULT            ? THROUGH
           : uio_fd_write(1, invalid, 1) != -EFAULT            ? THROUGH
           : uio_fd_write(1, opaque(&byte), ~0ul) != -EFAULT   ? THROUGH
           : uio_fd_write(1, opaque(&byte), 1ul << 40) >= 0    ? THROUGH
           : uio_pread(fd, NULL, 1, 0) != -EFAULT              ? THROUGH
           : uio_pread(fd, opaque(&byte), ~0ul, 0) != -EFAULT  ? THROUGH
           : uio_pread(fd, opaque(&byte), 1ul << 20, 0) >= 0   ? THROUGH
           : uio_open(NULL, UIO_READ, 0) != -EFAULT            ? THROUGH
           : uio_open(nowhere, UIO_READ, 0) != -EFAULT         ? THROUGH
           : uio_open(invalid, UIO_READ, 0) != -EFAULT         ? THROUGH
           : uio_unlink(nowhere) != -EFAULT                    ? THROUGH
           : uio_gate_read(&byte, nowhere, 1) != -EFAULT       ? THROUGH
           : uio_gate_read(nowhere, &byte, 1) != -EFAULT       ? THROUGH
           : uio_close(-1) >= 0 || uio_close(1 << 30) >= 0     ? THROUGH
                                                               : 0;
}

/* Opens files until there are no descriptors left, and closes none. */
static int descriptors(int argc, char **argv)
{
    int opened = 0;
    (void)argc;
    (void)argv;
    while (uio_open("/uio/README.md", UIO_READ, 0) >= 0) {
        if (++opened == 1000) {
            return THROUGH;
        }
    }
    return opened > 0 ? 0 : NOT_FOUND;
}

/* A fault inside what it calls through the gate. */
static int fault_inside(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    uio_call(web_requests_of, (const char *)8);
    return THROUGH;
}

/* Returns to the gate with the call that means the end of its function. */
static int returns_early(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    /* The stub of call 0 comes two stubs, of 32 bytes each, before that of uio_fd_write. */
    __asm__ volatile("xor %%eax, %%eax\n\tjmp *%0" : : "b"((char *)opaque((void *)(uintptr_t)uio_fd_write) - 64));
    return THROUGH;
}

/* Makes the kernel call a function of the program: as another task, which tries the gate from there. */
static volatile long answer;

static void task(unsigned long argument)
{
    answer = gate((const void *)(uintptr_t)sys_yield) + (long)argument;
}

static int second_thread(int argc, char **argv)
{
    int i;
    (void)argc;
    (void)argv;
    if (uio_try_call(NULL, sys_spawn2, task, 1000ul, 12, 65536ul, 0) != 0) {
        return NOT_FOUND;
    }
    for (i = 0; i < 100 && answer == 0; ++i) {
        uio_sleep_ms(1);
    }
    return refused(answer - 1000, EPERM);
}

static const struct variant VARIANTS[] = {
    {"call-data", call_data},
    {"call-own", call_own},
    {"call-nothing", call_nothing},
    {"call-unexported", call_unexported},
    {"call-middle", call_middle},
    {"call-exported", call_exported},
    {"write-unexported", write_unexported},
    {"write-too-much", write_too_much},
    {"write-from-nowhere", write_from_nowhere},
    {"write-own-text", write_own_text},
    {"deputy", deputy},
    {"pointers", pointers},
    {"descriptors", descriptors},
    {"fault-inside", fault_inside},
    {"returns-early", returns_early},
    {"second-thread", second_thread},
};

int main(int argc, char **argv)
{
    return CHOOSE(VARIANTS, argc, argv);
}
