/* Prints a line at every call of a function, with texts of the unikernel. */
#include <uio_bpf.h>

SEC("fentry")
int hello(struct uio_fentry *ctx)
{
	char name[16];

	bpf_get_current_comm(name, sizeof(name));
	bpf_printk("%s calls %p on core %u", (long)name, ctx->function, bpf_get_smp_processor_id());
	return 0;
}
