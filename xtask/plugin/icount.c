/*
 * icount.c - a plugin for QEMU's TCG that counts what a guest executes, for `cargo xtask bench`.
 *
 *     cc -O2 -shared -fPIC icount.c -o icount.so
 *     qemu-system-x86_64 -accel tcg … -plugin ./icount.so,to=counts,mark=0x100000
 *
 * It writes to a file that it maps, so that another process reads the counts while the guest runs:
 *
 *     offset 0     u64  0x746e756f6369 ("icount"), once the plugin is ready
 *     offset 8     u64  instructions executed so far
 *     offset 16    u64  blocks that found no place in the table, so that only `offset 8` knows them
 *     offset 24    u64  places of the table
 *     offset 64    u64  for each `mark`, in order: the count when that address was first reached; 0
 *                       before
 *     offset 4096       the table of translated blocks, an entry each, in no order:
 *                       u64 virtual address, u64 instructions of the block, u64 instructions
 *                       executed there so far; address and instructions are 0 in a free place
 *
 * A mark must be the address of a block's first instruction: a function's entry is one. An
 * instruction that faults counts as executed, with the rest of its block. Counting is exact with one
 * vCPU; several lose counts to each other.
 *
 * The plugin's interface is that of QEMU 6.0 to 8.x (version 1). Its declarations are written out here
 * because Debian packages no header for it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;

struct plugin_info {
    const char *target_name;
    struct {
        int min, cur;
    } version;
    _Bool system_emulation;
    struct {
        int smp_vcpus, max_vcpus;
    } system;
};

enum { CB_NO_REGS = 0, INLINE_ADD_U64 = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned, void *),
                                          int flags, void *user);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int op, void *at,
                                              uint64_t addend);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

enum { MARKS = 16, HEADER = 4096, PLACES = 1 << 17, MAX_PROBES = 64 };

#define READY 0x746e756f6369u

struct block {
    uint64_t address, instructions, executed;
};

struct counts {
    uint64_t ready, total, dropped, places, unused[4];
    uint64_t marked[MARKS];
};

static struct counts *counts;
static struct block *blocks;
static uint64_t marks[MARKS];
static size_t n_marks;

/* The place of a block in the table: its own or a free one; null when there is none near. */
static struct block *place(uint64_t address, uint64_t instructions)
{
    uint64_t hash = (address ^ instructions << 48) * 0x9e3779b97f4a7c15u;

    for (unsigned probe = 0; probe < MAX_PROBES; probe++) {
        struct block *block = &blocks[((hash >> 40) + probe) % PLACES];

        if (!block->address && !block->instructions) {
            block->address = address;
            block->instructions = instructions;
            return block;
        }
        if (block->address == address && block->instructions == instructions) {
            return block;
        }
    }
    counts->dropped++;
    return NULL;
}

static void reached(unsigned vcpu, void *mark)
{
    uint64_t *first = mark;

    (void)vcpu;
    if (!*first) {
        *first = counts->total;
    }
}

/* Called for each block when it is translated, one at a time. */
static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
    uint64_t address = qemu_plugin_tb_vaddr(tb);
    uint64_t instructions = qemu_plugin_tb_n_insns(tb);
    struct block *block = place(address, instructions);

    (void)id;
    for (size_t i = 0; i < n_marks; i++) {
        if (marks[i] == address) {
            qemu_plugin_register_vcpu_tb_exec_cb(tb, reached, CB_NO_REGS, &counts->marked[i]);
        }
    }
    qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD_U64, &counts->total, instructions);
    if (block) {
        qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD_U64, &block->executed,
                                                 instructions);
    }
}

static int map(const char *path)
{
    size_t bytes = HEADER + PLACES * sizeof *blocks;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    void *at;

    if (fd < 0 || ftruncate(fd, (off_t)bytes)) {
        perror(path);
        return -1;
    }
    at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (at == MAP_FAILED) {
        perror(path);
        return -1;
    }
    counts = at;
    blocks = (struct block *)((char *)at + HEADER);
    return 0;
}

__attribute__((visibility("default"))) int
qemu_plugin_install(plugin_id id, const struct plugin_info *info, int argc, char **argv)
{
    const char *path = NULL;

    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "to=", 3)) {
            path = argv[i] + 3;
        } else if (!strncmp(argv[i], "mark=", 5) && n_marks < MARKS) {
            marks[n_marks++] = strtoull(argv[i] + 5, NULL, 0);
        } else {
            fprintf(stderr, "icount: unknown argument or too many marks: %s\n", argv[i]);
            return -1;
        }
    }
    if (!path) {
        fprintf(stderr, "icount: to=PATH is needed\n");
        return -1;
    }
    if (map(path)) {
        return -1;
    }
    counts->places = PLACES;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    counts->ready = READY;
    return 0;
}
