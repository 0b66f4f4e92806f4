/* Runs on request: adds up the bytes of a buffer, and puts the sum into its first eight. */
#include <uio_bpf.h>

struct sum {
	const __u8 *bytes;
	__u64 len;
	__u64 sum;
};

static long add(__u32 index, struct sum *sum)
{
	if (index >= sum->len)
		return 1;
	sum->sum += sum->bytes[index];
	return 0;
}

SEC("executable")
__u64 sum(__u8 *buffer, __u64 len)
{
	struct sum sum = {.bytes = buffer, .len = len};

	bpf_loop(len, add, &sum, 0);
	if (len >= sizeof(__u64))
		*(__u64 *)buffer = sum.sum;
	return sum.sum;
}
