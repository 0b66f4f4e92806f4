/*
 * uio_bpf.h - what an eBPF program that runs in a unikernel needs, in one header.
 *
 * `uio cc counter.bpf.c -o counter.o` compiles a program; so does
 *
 *     clang -target bpf -mcpu=v3 -O2 -g -c -I include counter.bpf.c -o counter.o
 *
 * A program is a function in a section that says what it is for:
 *
 *     SEC("executable")        runs on request; r1 is a buffer, r2 its length
 *     SEC("fentry/NAME")       at the entry of a function of kernel or application
 *     SEC("fexit/NAME")        at its end
 *     SEC("probe/NAME")        at a static probe of the application, whose structure is its context
 *     SEC("timer/100ms")       at intervals
 *     SEC("syscall/NAME")      at the entry of a system call (sys_NAME)
 *
 * Behind the slash is what it is attached to unless the operator says something else. What runtimes offer is what
 * `uio bpf spec` tells; this header is checked against it by a test. Numbers, names and meanings of helpers
 * and maps are Linux's, so a program for Linux that uses no more than this compiles with its own headers too.
 *
 *     #include <uio_bpf.h>
 *
 *     struct {
 *         __uint(type, BPF_MAP_TYPE_ARRAY);
 *         __uint(max_entries, 1);
 *         __type(key, __u32);
 *         __type(value, __u64);
 *     } calls SEC(".maps");
 *
 *     SEC("fentry")
 *     int count(struct uio_fentry *ctx)
 *     {
 *         __u32 key = 0;
 *         __u64 *value = bpf_map_lookup_elem(&calls, &key);
 *         if (value)
 *             __sync_fetch_and_add(value, 1);
 *         return 0;
 *     }
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef UIO_BPF_H
#define UIO_BPF_H

typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;

#ifndef NULL
#define NULL ((void *)0)
#endif

/* Puts a program, a map or a variable into a section. */
#define SEC(name) __attribute__((section(name), used))

#define __always_inline inline __attribute__((always_inline))
#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif
#ifndef __weak
#define __weak __attribute__((weak))
#endif

/*
 * A variable or function of the unikernel, whose address a program may have:
 *
 *     extern const void REQUESTS __ksym;
 *
 * Its memory is read with bpf_probe_read_kernel. A __weak one may be missing: its address is 0 then.
 */
#define __ksym __attribute__((section(".ksyms")))

/* Makes the compiler forget what it knows of a variable, so that it does not take a check away. */
#define barrier_var(var) __asm__ volatile("" : "+r"(var))

/*
 * Maps: a structure of these members in SEC(".maps").
 */
#define __uint(name, val) int(*name)[val]
#define __type(name, val) __typeof__(val) *name
#define __array(name, val) __typeof__(val) *name[]

/* Maps in the older form: a variable of this structure in SEC("maps"). */
struct bpf_map_def {
	unsigned int type;
	unsigned int key_size;
	unsigned int value_size;
	unsigned int max_entries;
	unsigned int map_flags;
};

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERCPU_HASH = 5,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_STACK_TRACE = 7,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
};

enum {
	/* Flags of maps. */
	BPF_F_NO_PREALLOC = 1U << 0,
	BPF_F_RDONLY_PROG = 1U << 7,

	/* Flags of bpf_map_update_elem. */
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_EXIST = 2,

	/* Flags of bpf_get_stackid; the low eight bits are frames to leave out. */
	BPF_F_SKIP_FIELD_MASK = 0xff,
	BPF_F_FAST_STACK_CMP = 1U << 9,
	BPF_F_REUSE_STACKID = 1U << 10,

	/* Flags of bpf_ringbuf_output, _submit and _discard. */
	BPF_RB_NO_WAKEUP = 1,
	BPF_RB_FORCE_WAKEUP = 2,

	/* What bpf_ringbuf_query tells. */
	BPF_RB_AVAIL_DATA = 0,
	BPF_RB_RING_SIZE = 1,
	BPF_RB_CONS_POS = 2,
	BPF_RB_PROD_POS = 3,
};

/*
 * Contexts. Programs read them.
 */

/* SEC("fentry/...") and SEC("syscall/..."). */
struct uio_fentry {
	__u64 function;     /* address of the function */
	__u64 arguments[6]; /* integers and pointers, in the order of C */
	__u64 stack;        /* the stack pointer at its entry, where its return address is */
};

/* SEC("fexit/..."). */
struct uio_fexit {
	__u64 function;
	__u64 arguments[6]; /* as they were at its entry */
	__u64 stack;
	__u64 returned; /* what it returned, if that is an integer or a pointer */
	__u64 duration; /* nanoseconds since its entry */
};

#define uio_syscall uio_fentry

/* SEC("timer/..."). */
struct uio_timer {
	__u64 now;         /* nanoseconds since boot */
	__u64 runs;        /* how often the program ran before */
	__u64 missed;      /* how many times it should have run and did not */
	__u64 instruction; /* where the timer came in between */
};

/*
 * Helpers. Errors are negative: -1 EPERM, -2 ENOENT, -7 E2BIG, -12 ENOMEM, -14 EFAULT, -16 EBUSY, -17 EEXIST,
 * -22 EINVAL, -28 ENOSPC, -95 EOPNOTSUPP.
 */
#ifdef __clang__
#define UIO_BPF_HELPER(id, result, name, ...) \
	static result (*const name)(__VA_ARGS__) __attribute__((unused)) = (result(*)(__VA_ARGS__))id
#else
#define UIO_BPF_HELPER(id, result, name, ...) \
	extern result name(__VA_ARGS__) __attribute__((kernel_helper(id)))
#endif

/* The value of a key, or NULL. */
UIO_BPF_HELPER(1, void *, bpf_map_lookup_elem, void *map, const void *key);
/* Gives a key a value; flags: BPF_ANY, BPF_NOEXIST, BPF_EXIST. */
UIO_BPF_HELPER(2, long, bpf_map_update_elem, void *map, const void *key, const void *value, __u64 flags);
/* Takes a key away. */
UIO_BPF_HELPER(3, long, bpf_map_delete_elem, void *map, const void *key);
/* Copies memory at any address; zeros and an error if not all of it can be read. */
UIO_BPF_HELPER(4, long, bpf_probe_read, void *dst, __u32 size, const void *from);
/* Nanoseconds since boot. */
UIO_BPF_HELPER(5, __u64, bpf_ktime_get_ns, void);
/* Prints a line; see bpf_printk. */
UIO_BPF_HELPER(6, long, bpf_trace_printk, const char *format, __u32 size, ...);
/* A random number, not for secrets. */
UIO_BPF_HELPER(7, __u32, bpf_get_prandom_u32, void);
/* The number of the core. */
UIO_BPF_HELPER(8, __u32, bpf_get_smp_processor_id, void);
/* Goes on in the program of that index, of the same type; returns only if it cannot. */
UIO_BPF_HELPER(12, long, bpf_tail_call, void *ctx, void *programs, __u32 index);
/* The number of the running task in the low half; the high half, the only process, is 0. */
UIO_BPF_HELPER(14, __u64, bpf_get_current_pid_tgid, void);
/* Copies the name of the running task. */
UIO_BPF_HELPER(16, long, bpf_get_current_comm, void *name, __u32 size);
/* The number of the running task's stack in a map of type BPF_MAP_TYPE_STACK_TRACE. */
UIO_BPF_HELPER(27, long, bpf_get_stackid, void *ctx, void *stacks, __u64 flags);
/* Copies a text at any address up to its zero, cut where the room ends; its length with the zero. */
UIO_BPF_HELPER(45, long, bpf_probe_read_str, void *dst, __u32 size, const void *from);
/* Copies the return addresses of the running task's stack; flags: frames to skip. How many bytes. */
UIO_BPF_HELPER(67, long, bpf_get_stack, void *ctx, void *addresses, __u32 size, __u64 flags);
/* The same as bpf_probe_read. */
UIO_BPF_HELPER(113, long, bpf_probe_read_kernel, void *dst, __u32 size, const void *from);
/* The same as bpf_probe_read_str. */
UIO_BPF_HELPER(115, long, bpf_probe_read_kernel_str, void *dst, __u32 size, const void *from);
/* Nanoseconds since boot. */
UIO_BPF_HELPER(125, __u64, bpf_ktime_get_boot_ns, void);
/* Copies a record into a ring buffer. */
UIO_BPF_HELPER(130, long, bpf_ringbuf_output, void *ring, void *data, __u64 size, __u64 flags);
/* Room for a record of so many bytes, or NULL; to be submitted or discarded. */
UIO_BPF_HELPER(131, void *, bpf_ringbuf_reserve, void *ring, __u64 size, __u64 flags);
/* Has a record be read. */
UIO_BPF_HELPER(132, void, bpf_ringbuf_submit, void *record, __u64 flags);
/* Gives a record back unread. */
UIO_BPF_HELPER(133, void, bpf_ringbuf_discard, void *record, __u64 flags);
/* Of a ring buffer: BPF_RB_AVAIL_DATA, BPF_RB_RING_SIZE, BPF_RB_CONS_POS, BPF_RB_PROD_POS. */
UIO_BPF_HELPER(134, __u64, bpf_ringbuf_query, void *ring, __u64 what);
/* Calls long (*function)(map, key, value, ctx) for each entry until it returns 1; how often. */
UIO_BPF_HELPER(164, long, bpf_for_each_map_elem, void *map, void *function, void *ctx, __u64 flags);
/* Makes a text of values (__u64 each); its whole length with the zero. */
UIO_BPF_HELPER(165, long, bpf_snprintf, char *text, __u32 size, const char *format, __u64 *values,
	       __u32 values_size);
/* Address of the function. */
UIO_BPF_HELPER(173, __u64, bpf_get_func_ip, void *ctx);
/* Address of a symbol that the program declares with __ksym. */
UIO_BPF_HELPER(179, long, bpf_kallsyms_lookup_name, const char *name, int size, int flags, __u64 *address);
/* Calls long (*function)(__u32 index, void *ctx) with 0, 1, 2 and so on until it returns 1; how often. */
UIO_BPF_HELPER(181, long, bpf_loop, __u32 count, void *function, void *ctx, __u64 flags);
/* Compares so many bytes at most of a text with another: negative, zero or positive. */
UIO_BPF_HELPER(182, long, bpf_strncmp, const char *text, __u32 size, const char *other);
/* Copies an argument of the function, from 0. */
UIO_BPF_HELPER(183, long, bpf_get_func_arg, void *ctx, __u32 number, __u64 *value);
/* Copies what the function returned; in programs at the end of functions. */
UIO_BPF_HELPER(184, long, bpf_get_func_ret, void *ctx, __u64 *value);
/* How many arguments can be had: those in registers. */
UIO_BPF_HELPER(185, long, bpf_get_func_arg_cnt, void *ctx);
/* The value that another core has for a key, or NULL. */
UIO_BPF_HELPER(195, void *, bpf_map_lookup_percpu_elem, void *map, const void *key, __u32 core);

/*
 * Prints a line with up to three values, as C's printf does: %d %i %u %x %o with l or ll, %p, %c, %s (an address),
 * a width, 0 and - before it. `uio bpf log` shows it.
 */
#define bpf_printk(format, ...)                                               \
	({                                                                    \
		static const char uio_format[] = format;                      \
		bpf_trace_printk(uio_format, sizeof(uio_format), ##__VA_ARGS__); \
	})

/* Makes a text of any number of values, up to twelve. */
#define UIO_BPF_SNPRINTF(text, size, format, ...)                                        \
	({                                                                               \
		static const char uio_format[] = format;                                 \
		__u64 uio_values[] = {__VA_ARGS__};                                      \
		bpf_snprintf(text, size, uio_format, uio_values, sizeof(uio_values));    \
	})

#endif
