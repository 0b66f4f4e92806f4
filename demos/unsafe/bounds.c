/*
 * bounds.c - writes where it must not: past its own memory, to the application, the kernel, and what
 * the processor obeys.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "pages.h"
#include "unsafe.h"

/* Of the web server and the kernel. */
extern unsigned long web_requests;
unsigned long web_status_line(char *buffer, unsigned long len);
extern unsigned long console[] UIO_PATH("hermit::uio::virtio::console::TX");
extern unsigned long tasks[] UIO_PATH("hermit::scheduler::TASKS");
extern unsigned long controller[] UIO_PATH("hermit::arch::x86_64::kernel::apic::LOCAL_APIC_ADDRESS");
extern unsigned long interrupts[] UIO_PATH("hermit::arch::x86_64::kernel::interrupts::IDT");
extern unsigned long active[] UIO_PATH("uio_mpk::gate::ACTIVE");

static char data[64] = {1};
static const char constants[64] = {1};

/* Writes one byte after the other until it cannot. */
static int run_away(char *from, long step)
{
    volatile char *at = opaque(from);
    for (;; at += step) {
        *at = 1;
    }
    return THROUGH;
}

static int stack(int argc, char **argv)
{
    char local[64];
    (void)argc;
    (void)argv;
    return run_away(local, 1);
}

static int data_up(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return run_away(data, 1);
}

static int data_down(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return run_away(data, -1);
}

static int heap(int argc, char **argv)
{
    char *block = uio_alloc(64);
    (void)argc;
    (void)argv;
    return block == NULL ? NOT_FOUND : run_away(block, 1);
}

static int own_constants(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return rewrite(constants);
}

static int own_text(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return rewrite((const void *)(uintptr_t)own_text);
}

static int app_data(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return rewrite(&web_requests);
}

static int app_text(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return rewrite((const void *)(uintptr_t)web_status_line);
}

/* Something on the kernel's heap, which is the application's too: the list of tasks. */
static void *on_kernel_heap(void)
{
    return pointer_in(tasks, 6, HEAP_START, HEAP_END, 8);
}

static int app_heap(int argc, char **argv)
{
    void *found = on_kernel_heap();
    (void)argc;
    (void)argv;
    return found == NULL ? NOT_FOUND : rewrite(found);
}

/* Through the other address of the same memory. */
static int alias(int argc, char **argv)
{
    void *found = on_kernel_heap();
    unsigned long *entry = found == NULL ? NULL : page_entry((uintptr_t)found);
    char *other;
    (void)argc;
    (void)argv;
    if (entry == NULL) {
        return NOT_FOUND;
    }
    other = physical(*entry, found);
    return memcmp(other, found, 16) == 0 ? rewrite(other) : NOT_FOUND;
}

/* Its own entry, which says what it may write. */
static int page_table(int argc, char **argv)
{
    unsigned long *entry = page_entry((uintptr_t)constants);
    (void)argc;
    (void)argv;
    return entry == NULL ? NOT_FOUND : rewrite(entry);
}

static int idt(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return rewrite(interrupts);
}

/* Where the processor says that it is, which it tells to everybody. */
static int descriptor_table(int argc, char **argv, int global)
{
    struct __attribute__((packed)) {
        unsigned short limit;
        unsigned char *base;
    } table = {0, NULL};
    (void)argc;
    (void)argv;
    if (global) {
        __asm__ volatile("sgdt %0" : "=m"(table));
    } else {
        __asm__ volatile("sidt %0" : "=m"(table));
    }
    return rewrite(table.base + 8);
}

static int sidt(int argc, char **argv)
{
    return descriptor_table(argc, argv, 0);
}

static int gdt(int argc, char **argv)
{
    return descriptor_table(argc, argv, 1);
}

/* What the gate believes to be running. */
static int gate_state(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return rewrite(active);
}

/* The rights of its own domain. */
static int own_rights(int argc, char **argv)
{
    unsigned long domain = *(volatile unsigned long *)opaque(active);
    (void)argc;
    (void)argv;
    return domain == 0 ? NOT_FOUND : rewrite((void *)domain);
}

/* The code through which it calls the interface. */
static int stubs(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return rewrite((const void *)(uintptr_t)uio_exit);
}

/* A descriptor of the console's queue, which tells the device where to read and write. */
static int dma(int argc, char **argv)
{
    void *found = pointer_in(console, 150, 2ul << 20, RAM_END, PAGE);
    (void)argc;
    (void)argv;
    return found == NULL ? NOT_FOUND : rewrite(found);
}

/* A register of the interrupt controller, which is no memory. */
static int device(int argc, char **argv)
{
    char *found = pointer_in(controller, 4, 2ul << 20, ~0ul, PAGE);
    (void)argc;
    (void)argv;
    return found == NULL ? NOT_FOUND : rewrite(found + 0x80);
}

/* Memory of another program, whose address it is told. */
static int other(int argc, char **argv)
{
    unsigned long address;
    if (argc < 3 || !uio_parse(argv[2], &address)) {
        return NOT_FOUND;
    }
    return rewrite((void *)address);
}

/* Everything that it must not write, it may read. */
static int reading(int argc, char **argv)
{
    unsigned long sum = *(volatile unsigned long *)opaque(&web_requests);
    unsigned long *entry = page_entry((uintptr_t)constants);
    void *found = on_kernel_heap();
    (void)argc;
    (void)argv;
    if (entry == NULL || found == NULL) {
        return NOT_FOUND;
    }
    sum += *(volatile unsigned char *)opaque((void *)(uintptr_t)web_status_line);
    sum += *(volatile unsigned long *)opaque(interrupts);
    sum += *(volatile unsigned long *)opaque((void *)(uintptr_t)uio_exit);
    sum += *(volatile unsigned char *)opaque(found);
    sum += *entry;
    return sum == 0 ? NOT_FOUND : 0;
}

static const struct variant VARIANTS[] = {
    {"stack", stack},
    {"data", data_up},
    {"data-down", data_down},
    {"heap", heap},
    {"constants", own_constants},
    {"text", own_text},
    {"app-data", app_data},
    {"app-text", app_text},
    {"app-heap", app_heap},
    {"alias", alias},
    {"page-table", page_table},
    {"idt", idt},
    {"sidt", sidt},
    {"gdt", gdt},
    {"gate-state", gate_state},
    {"own-rights", own_rights},
    {"stubs", stubs},
    {"dma", dma},
    {"device", device},
    {"other", other},
    {"reading", reading},
};

int main(int argc, char **argv)
{
    return CHOOSE(VARIANTS, argc, argv);
}
