/*
 * refuse.bpf.c - the web server refuses paths that begin with /private.
 *
 *     uio cc demos/bpf/refuse.bpf.c -o demos/web/share/refuse.o
 *
 * The path in the structure is the one by which the server finds documents: decoded, without query and
 * without needless slashes. So neither `/%70rivate` nor `//private` gets past.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "uio_bpf.h"
#include "../web/probes.h"

SEC("probe/request")
unsigned long long refuse(struct web_request *request)
{
    static const char prefix[] = "/private";

    for (unsigned int i = 0; i < sizeof prefix - 1; ++i) {
        if (request->path[i] != prefix[i]) {
            return WEB_SERVE;
        }
    }
    return WEB_REFUSE(403);
}

char _license[] SEC("license") = "Dual MIT/GPL";
