/*
 * How long a function takes: a histogram whose slot n counts calls of at least 2^n nanoseconds and less than
 * 2^(n+1). `latency` needs one program; `entered` and `left` do the same with two, by task, as programs
 * for Linux do.
 */
#include <uio_bpf.h>

#define SLOTS 64

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} histogram SEC(".maps");

/* When a task entered the function. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} since SEC(".maps");

static __always_inline __u32 log2_of(__u64 value)
{
	__u32 slot = 0;

	if (value >> 32) {
		value >>= 32;
		slot += 32;
	}
	if (value >> 16) {
		value >>= 16;
		slot += 16;
	}
	if (value >> 8) {
		value >>= 8;
		slot += 8;
	}
	if (value >> 4) {
		value >>= 4;
		slot += 4;
	}
	if (value >> 2) {
		value >>= 2;
		slot += 2;
	}
	return slot + (value >> 1);
}

static __always_inline void note(__u64 nanoseconds)
{
	__u32 slot = log2_of(nanoseconds);
	__u64 *calls = bpf_map_lookup_elem(&histogram, &slot);
	if (calls)
		__sync_fetch_and_add(calls, 1);
}

SEC("fexit")
int latency(struct uio_fexit *ctx)
{
	note(ctx->duration);
	return 0;
}

SEC("fentry")
int entered(struct uio_fentry *ctx)
{
	__u32 task = bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&since, &task, &now, BPF_ANY);
	return 0;
}

SEC("fexit")
int left(struct uio_fexit *ctx)
{
	__u32 task = bpf_get_current_pid_tgid();
	__u64 *then = bpf_map_lookup_elem(&since, &task);

	if (!then)
		return 0;
	note(bpf_ktime_get_ns() - *then);
	bpf_map_delete_elem(&since, &task);
	return 0;
}
