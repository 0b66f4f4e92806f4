/*
 * delay.bpf.c - the web server answers every request 20 ms later.
 *
 *     uio cc demos/bpf/delay.bpf.c -o demos/web/share/delay.o
 *
 * Only the connection of a request waits; the server goes on with all others.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "uio_bpf.h"
#include "../web/probes.h"

SEC("probe/request")
unsigned long long delay(struct web_request *request)
{
    (void)request;
    return WEB_DELAY_MS(20);
}

char _license[] SEC("license") = "Dual MIT/GPL";
