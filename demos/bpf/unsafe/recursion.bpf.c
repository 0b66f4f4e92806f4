/*
 * recursion.bpf.c - a function that calls itself: refused when it is loaded.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <uio_bpf.h>

static __noinline __u64 deeper(volatile __u64 *above)
{
	volatile __u64 here = *above + 1;

	if (here == 0)
		return 0;
	return deeper(&here) + here;
}

SEC("executable")
__u64 recursion(__u8 *buffer, __u64 len)
{
	volatile __u64 depth = len;

	return deeper(&depth);
}

char _license[] SEC("license") = "Dual MIT/GPL";
