/*
 * unsafe.bpf.c - programs that do what they must not, for `cargo xtask test bpf`. Each ends its own run, and nothing else.
 *
 *     uio cc demos/bpf/unsafe/unsafe.bpf.c -o unsafe.o
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <uio_bpf.h>

/* An address as a pointer, which the compiler knows nothing of. */
#define AT(address)                            \
	({                                     \
		__u64 uio_at = (address);      \
		barrier_var(uio_at);           \
		(volatile __u64 *)uio_at;      \
	})

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} unsafe_values SEC(".maps");

const volatile __u64 constant = 7;

SEC("executable")
__u64 null_read(__u8 *buffer, __u64 len)
{
	return *AT(8);
}

SEC("executable")
__u64 null_write(__u8 *buffer, __u64 len)
{
	*AT(0) = 1;
	return 0;
}

/* Nothing is mapped there. */
SEC("executable")
__u64 wild_read(__u8 *buffer, __u64 len)
{
	return *AT(0x700000000000);
}

SEC("executable")
__u64 wild_write(__u8 *buffer, __u64 len)
{
	*AT(0x700000000000) = 1;
	return 0;
}

/* An address that no processor has. */
SEC("executable")
__u64 no_address(__u8 *buffer, __u64 len)
{
	return *AT(0x8000000000000000);
}

/* Memory beside its own is the application's. */
SEC("executable")
__u64 past_buffer(__u8 *buffer, __u64 len)
{
	return *AT((__u64)buffer + len);
}

SEC("executable")
__u64 before_buffer(__u8 *buffer, __u64 len)
{
	return *AT((__u64)buffer - 8);
}

SEC("executable")
__u64 past_value(__u8 *buffer, __u64 len)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&unsafe_values, &key);

	return value ? *AT((__u64)value + 4096) : 0;
}

/* There is no entry of that number. */
SEC("executable")
__u64 unchecked(__u8 *buffer, __u64 len)
{
	__u32 key = 1;
	__u64 *value = bpf_map_lookup_elem(&unsafe_values, &key);

	return *AT((__u64)value);
}

SEC("executable")
__u64 write_constant(__u8 *buffer, __u64 len)
{
	*AT((__u64)&constant) = 8;
	return constant;
}

SEC("executable")
__u64 past_stack(__u8 *buffer, __u64 len)
{
	__u64 local = 1;

	barrier_var(local);
	return *AT((__u64)&local + 4096) + local;
}

SEC("executable")
__u64 odd_atomic(__u8 *buffer, __u64 len)
{
	__u64 local[2] = {0, 0};
	__u64 *odd = (__u64 *)((__u64)local + 1);

	barrier_var(odd);
	return __sync_fetch_and_add(odd, 1);
}

SEC("executable")
__u64 forever(__u8 *buffer, __u64 len)
{
	__u64 rounds = 0;

	for (;;)
		barrier_var(rounds);
	return rounds;
}

static long again(__u32 index, void *nothing)
{
	bpf_loop(1 << 20, again, nothing, 0);
	return 0;
}

/* Loops in loops, as deep as functions go. */
SEC("executable")
__u64 loops(__u8 *buffer, __u64 len)
{
	return bpf_loop(1 << 20, again, 0, 0);
}

static long idle(__u32 index, void *nothing)
{
	return 0;
}

SEC("executable")
__u64 long_loop(__u8 *buffer, __u64 len)
{
	__u64 rounds = 0;

	for (;;)
		rounds += bpf_loop(1 << 20, idle, 0, 0);
	return rounds;
}

SEC("executable")
__u64 divide(__u8 *buffer, __u64 len)
{
	__u64 zero = 0, seven = 7;

	barrier_var(zero);
	barrier_var(seven);
	return seven / zero + seven % zero;
}

SEC("executable")
__u64 no_map(__u8 *buffer, __u64 len)
{
	__u32 key = 0;
	void *map = (void *)AT(0x1000);

	return (__u64)bpf_map_lookup_elem(map, &key);
}

SEC("executable")
__u64 no_key(__u8 *buffer, __u64 len)
{
	return (__u64)bpf_map_lookup_elem(&unsafe_values, (void *)AT(0));
}

SEC("executable")
__u64 no_room(__u8 *buffer, __u64 len)
{
	return bpf_probe_read((void *)AT(0x700000000000), 64, buffer);
}

/* Reads through the helper what is not mapped: an error number, not an end. */
SEC("executable")
__u64 careful(__u8 *buffer, __u64 len)
{
	__u64 value = 1;
	long error = bpf_probe_read(&value, sizeof(value), (void *)AT(0x700000000000));

	return error == -14 && value == 0;
}

SEC("executable")
__u64 no_record(__u8 *buffer, __u64 len)
{
	bpf_ringbuf_submit((void *)AT(0x700000000000), 0);
	return 0;
}

SEC("executable")
__u64 no_function(__u8 *buffer, __u64 len)
{
	return bpf_loop(1, (void *)AT(0x700000000000), 0, 0);
}

char _license[] SEC("license") = "Dual MIT/GPL";
