/* How often each task calls a function, and how often it is called with each first argument. */
#include <uio_bpf.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} calls_by_task SEC(".maps");

/* There may be any number of arguments: those not seen for longest make room. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u64);
} calls_by_argument SEC(".maps");

static __always_inline void count(void *map, const void *key)
{
	__u64 one = 1;
	__u64 *calls = bpf_map_lookup_elem(map, key);

	if (calls) {
		__sync_fetch_and_add(calls, 1);
		return;
	}
	/* Another core may have been faster. */
	if (bpf_map_update_elem(map, key, &one, BPF_NOEXIST) == 0)
		return;
	calls = bpf_map_lookup_elem(map, key);
	if (calls)
		__sync_fetch_and_add(calls, 1);
}

SEC("fentry")
int by_task(struct uio_fentry *ctx)
{
	__u32 task = bpf_get_current_pid_tgid();

	count(&calls_by_task, &task);
	return 0;
}

SEC("fentry")
int by_argument(struct uio_fentry *ctx)
{
	__u64 argument = ctx->arguments[0];

	count(&calls_by_argument, &argument);
	return 0;
}
