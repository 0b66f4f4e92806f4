/* Counts the calls of a function, and those of each core. */
#include <uio_bpf.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} calls_by_core SEC(".maps");

SEC("fentry")
int count(struct uio_fentry *ctx)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&calls, &key);
	if (value)
		__sync_fetch_and_add(value, 1);
	return 0;
}

SEC("fentry")
int count_by_core(struct uio_fentry *ctx)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&calls_by_core, &key);
	if (value)
		*value += 1;
	return 0;
}
