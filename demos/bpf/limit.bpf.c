/*
 * limit.bpf.c - the web server answers so many requests a second, and the others with 429.
 *
 *     uio cc demos/bpf/limit.bpf.c -o demos/web/share/limit.o
 *
 * How many is the value in the map `limit`, which can be changed at any time; while it is 0, 100.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "uio_bpf.h"
#include "../web/probes.h"

#define SECOND 1000000000ULL
#define DEFAULT_LIMIT 100ULL

/* A second of the clock, and the requests in it so far. */
struct window {
    unsigned long long second;
    unsigned long long requests;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, unsigned int);
    __type(value, unsigned long long);
} limit SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, unsigned int);
    __type(value, struct window);
} window SEC(".maps");

SEC("probe/request")
unsigned long long limited(struct web_request *request)
{
    unsigned int first = 0;
    unsigned long long second = bpf_ktime_get_ns() / SECOND;
    unsigned long long *most = bpf_map_lookup_elem(&limit, &first);
    struct window *now = bpf_map_lookup_elem(&window, &first);

    (void)request;
    if (!most || !now) {
        return WEB_SERVE;
    }
    /* One thread of the server fires the probe, so nobody else changes the window. */
    if (now->second != second) {
        now->second = second;
        now->requests = 0;
    }
    if (now->requests >= (*most ? *most : DEFAULT_LIMIT)) {
        return WEB_REFUSE(429);
    }
    now->requests += 1;
    return WEB_SERVE;
}

char _license[] SEC("license") = "Dual MIT/GPL";
