/* Tells of every call of a function: when, by which task, with which arguments. */
#include <uio_bpf.h>

struct call {
	__u64 time;
	__u64 function;
	__u64 arguments[3];
	__u32 task;
	__u32 core;
	char name[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} calls SEC(".maps");

/* Calls that found no room: nobody read fast enough. */
__u64 lost;

SEC("fentry")
int tell(struct uio_fentry *ctx)
{
	struct call *call = bpf_ringbuf_reserve(&calls, sizeof(*call), 0);

	if (!call) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	call->time = bpf_ktime_get_ns();
	call->function = ctx->function;
	call->arguments[0] = ctx->arguments[0];
	call->arguments[1] = ctx->arguments[1];
	call->arguments[2] = ctx->arguments[2];
	call->task = bpf_get_current_pid_tgid();
	call->core = bpf_get_smp_processor_id();
	bpf_get_current_comm(call->name, sizeof(call->name));
	bpf_ringbuf_submit(call, 0);
	return 0;
}
