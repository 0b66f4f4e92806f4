/* Data of all kinds that point to code and to other data, and code that reads them. */

struct packed { char tag; void *to; int (*run)(int); } __attribute__((packed));
struct node { struct node *next; const char *name; long *value; };

extern long outside_numbers[8];
extern int outside_run(int);

static long tables_numbers[16] = {1, 2, 3};
static struct node tables_ring[3] = {
    {&tables_ring[1], "first", &tables_numbers[1]},
    {&tables_ring[2], "second", &outside_numbers[3]},
    {&tables_ring[0], "third", tables_numbers + 15},
};
static int increment(int x) { return x + 1; }
static struct packed tables_packed[] = {
    {'a', tables_ring, increment},
    {'b', &tables_ring[2].value, outside_run},
};
static const struct node tables_constant = {tables_ring, "constant", 0};
const struct node *const tables_pointers[] = {&tables_constant, 0, &tables_ring[1]};
static const char tables_text[] = "longer than a word, so that it is not kept in a register";
const char *tables_middle = tables_text + 7;
long tables_as_number = (long)&tables_numbers[2];
unsigned long *tables_below = (unsigned long *)tables_numbers - 1;
static char tables_zero[3000];
char *tables_in_zero = tables_zero + 2999;
static short tables_shorts[7];
_Alignas(256) static const unsigned char tables_aligned[3] = {1, 2, 3};
static const long double tables_wide = 1.5L;
static const double tables_double = 0.1;
static const float tables_float = 0.2f;
volatile int tables_index;

__attribute__((noinline)) static long sum(const struct node *node, int count)
{
    long sum = 0;
    while (count-- > 0) {
        sum += node->value ? *node->value : node->name[0];
        node = node->next;
    }
    return sum;
}

__attribute__((noinline)) static int by_goto(const unsigned char *code)
{
    static const void *const labels[] = {&&stop, &&add, &&twice, &&less};
    static const int distances[] = {0, &&add - &&stop, &&twice - &&stop};
    int x = distances[tables_index & 1];
    goto *labels[*code];
add:
    x += 5;
    goto *labels[*++code & 3];
twice:
    x *= 2;
    goto *labels[*++code & 3];
less:
    x -= 1;
    goto *labels[*++code & 3];
stop:
    return x;
}

__attribute__((noinline)) static const char *word(int x)
{
    switch (x) {
    case 0: return "nought";
    case 1: return "one";
    case 2: return "two";
    case 3: return tables_middle;
    case 4: return tables_text;
    case 5: return "five";
    case 6: return tables_ring[1].name;
    case 7: return "seven";
    case 900: return "many";
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const unsigned char program[] = {1, 2, 3, 0};
    long total = sum(tables_ring, argc) + sum(tables_pointers[2], 1);
    total += by_goto(program) + tables_packed[argc & 1].run(argc);
    total += word(argc)[0] + *tables_in_zero + tables_shorts[tables_index & 3];
    total += (long)(tables_wide * argc + tables_double + tables_float);
    tables_shorts[tables_index & 7] = (short)tables_as_number;
    tables_numbers[tables_index & 15] += tables_aligned[argc % 3] + outside_numbers[1];
    return (int)(total + *tables_below + **argv + outside_run(2));
}
