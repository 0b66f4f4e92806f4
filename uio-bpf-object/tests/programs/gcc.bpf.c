/* What gcc for BPF compiles: objects/gcc12.o is this, by `bpf-gcc -O2 -gbtf -x c -c -`, version 12.2. */
typedef unsigned char u8;
typedef unsigned long long u64;
#define SEC(name) __attribute__((section(name), used))

extern void *lookup(void *map, const void *key) __attribute__((kernel_helper(1)));

struct {
    int (*type)[1];
    int (*max_entries)[4];
    unsigned *key;
    u64 *value;
} seen SEC(".maps");

u64 total;
const volatile int scale = 3;

static __attribute__((noinline)) int half(int x)
{
    return x / 2u;
}

static __attribute__((noinline)) int scaled(int x)
{
    total += x;
    return half(x) * scale;
}

SEC("executable") long sum(u8 *bytes, u64 len)
{
    long sum = 0;
    for (u64 i = 0; i < len; i++) {
        sum += bytes[i];
    }
    return scaled(sum);
}

SEC("fentry/web::handle") long look(u64 *ctx)
{
    unsigned key = ctx[0];
    u64 *value = lookup(&seen, &key);
    return value ? *value : (u64)scaled(2);
}
