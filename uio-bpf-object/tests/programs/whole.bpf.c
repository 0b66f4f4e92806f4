/* All that an object can have, in one. */
#include "bpf.h"

struct key {
    u32 id;
    char name[8];
};

enum color { RED, GREEN = 5 };

struct value {
    u64 count;
    int low : 3;
    unsigned high : 5;
    enum color color;
    struct key *where;
    union {
        u32 word;
        float real;
    };
    _Bool yes;
    short table[2][3];
};

struct {
    __uint(type, HASH);
    __uint(max_entries, 16);
    __uint(map_flags, 1);
    __uint(pinning, 1);
    __type(key, struct key);
    __type(value, struct value);
} by_name SEC(".maps");

struct {
    __uint(type, ARRAY);
    __uint(max_entries, 4);
    __type(key, u32);
    __type(value, u64);
} counts SEC(".maps");

int sum(u32 *numbers);

struct {
    __uint(type, PROG_ARRAY);
    __uint(max_entries, 4);
    __uint(key_size, 4);
    __array(values, int(u32 *));
} next SEC(".maps") = { .values = { [2] = sum } };

struct {
    __uint(type, RINGBUF);
    __uint(max_entries, 4096);
    __type(value, struct key);
} events SEC(".maps");

extern u64 web_requests;
extern int not_there __weak;

static u64 total;
u64 step = 7;
const volatile u32 scale = 3;
static const u32 table[3] = { 1, 2, 3 };

static __noinline int even(int x);

static __noinline int odd(int x)
{
    return x > 4 ? even(x - 1) : x * (int)table[x & 1];
}

static __noinline int even(int x)
{
    total += x;
    return x & 8 ? odd(x - 3) : x + (int)scale;
}

__noinline int global(int x)
{
    return odd(x) + (int)step;
}

static long add(u32 i, void *sum)
{
    *(u64 *)sum += i;
    return 0;
}

SEC("executable/sum") int sum(u32 *numbers)
{
    u64 result = 0;
    bpf_loop(4, add, &result, 0);
    return global(numbers[0]) + result;
}

SEC("fentry/web::handle") int count(u64 *ctx)
{
    u32 key = 0;
    u64 *count = bpf_map_lookup_elem(&counts, &key);
    if (count) {
        __sync_fetch_and_add(count, 1);
    }
    if (&not_there) {
        total++;
    }
    bpf_tail_call(ctx, &next, 2);
    return (int)web_requests;
}

SEC("fentry/web::handle") int look(u64 *ctx)
{
    const char *text = "hello";
    struct key key = {};
    __builtin_memcpy(key.name, text + (ctx[0] & 1), 3);
    struct value *value = bpf_map_lookup_elem(&by_name, &key);
    return value ? value->low : even(ctx[1]);
}

SEC("timer/250ms") int tick(void *ctx)
{
    return bpf_map_lookup_elem(&events, ctx) != 0;
}

char _license[] SEC("license") = "Dual MIT/GPL";
