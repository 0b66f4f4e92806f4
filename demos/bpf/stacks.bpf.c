/* From where a function is called: how often with which stack. */
#include <uio_bpf.h>

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 512);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, 32 * sizeof(__u64));
} stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 512);
	__type(key, __u32);
	__type(value, __u64);
} calls_by_stack SEC(".maps");

SEC("fentry")
int from_where(struct uio_fentry *ctx)
{
	long number = bpf_get_stackid(ctx, &stacks, BPF_F_REUSE_STACKID);
	__u32 stack = number;
	__u64 one = 1, *calls;

	if (number < 0)
		return 0;
	calls = bpf_map_lookup_elem(&calls_by_stack, &stack);
	if (calls)
		__sync_fetch_and_add(calls, 1);
	else
		bpf_map_update_elem(&calls_by_stack, &stack, &one, BPF_ANY);
	return 0;
}
