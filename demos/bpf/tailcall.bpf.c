/*
 * A program that goes on in another one, which the operator may swap: `uio bpf map set steps 0 NAME`. The buffer's
 * first byte says in which.
 */
#include <uio_bpf.h>

__u64 add(__u8 *buffer, __u64 len);
__u64 multiply(__u8 *buffer, __u64 len);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, sizeof(__u32));
	__array(values, __u64(__u8 *, __u64));
} steps SEC(".maps") = {
	.values = {[0] = &add, [1] = &multiply},
};

SEC("executable")
__u64 add(__u8 *buffer, __u64 len)
{
	return len < 3 ? 0 : (__u64)buffer[1] + buffer[2];
}

SEC("executable")
__u64 multiply(__u8 *buffer, __u64 len)
{
	return len < 3 ? 0 : (__u64)buffer[1] * buffer[2];
}

/* -1 where there is no step of that number. */
SEC("executable")
__u64 start(__u8 *buffer, __u64 len)
{
	if (len)
		bpf_tail_call(buffer, &steps, buffer[0]);
	return -1;
}
