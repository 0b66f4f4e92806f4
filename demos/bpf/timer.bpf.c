/* Where the core spends its time: samples the instruction at which the timer came in between. */
#include <uio_bpf.h>

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u64);
} samples SEC(".maps");

SEC("timer/10ms")
int sample(struct uio_timer *ctx)
{
	__u64 at = ctx->instruction, one = 1;
	__u64 *count = bpf_map_lookup_elem(&samples, &at);

	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&samples, &at, &one, BPF_ANY);
	return 0;
}
