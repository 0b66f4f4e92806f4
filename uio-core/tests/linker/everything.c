/* Uses whatever an object can ask of a linker. `main` returns 0, or the line of what went wrong. */

#define CHECK(condition) do { if (!(condition)) return __LINE__; } while (0)

extern int outside_add(int a, int b);
extern int outside_value;
extern int missing(void) __attribute__((weak));
extern int missing_value __attribute__((weak));
__attribute__((weak)) int overridable(void) { return 11; }
__attribute__((visibility("hidden"))) int hidden(int x) { return x + 1; }

int initialised = 7;
static int counter = 3;
int zeroes[1000];
int common_word;
const char *const names[] = {"alpha", "beta", "gamma"};
const char *changing[] = {"delta", "epsilon"};
static const double factors[] = {0.5, 2.0, 8.0};
_Alignas(4096) char page[100];
_Alignas(64) int line[16] = {1, 2, 3};

static int twice(int x) { return 2 * x; }
static int thrice(int x) { return 3 * x; }
int (*const functions[])(int) = {twice, thrice, hidden};
int (*outside_pointer)(int, int) = outside_add;
int *value_pointer = &outside_value;

static int order;
static char log_of[8];
__attribute__((constructor)) static void last_constructor(void) { log_of[order++] = 'c'; }
__attribute__((constructor(101))) static void first_constructor(void) { log_of[order++] = 'a'; }
__attribute__((constructor(202))) static void second_constructor(void) { log_of[order++] = 'b'; }
__attribute__((destructor(101))) static void last_destructor(void) { outside_value = outside_value * 10 + 2; }
__attribute__((destructor)) static void first_destructor(void) { outside_value = outside_value * 10 + 1; }

static int length(const char *s) { int n = 0; while (s[n]) ++n; return n; }

__attribute__((noinline)) static int many_cases(int x)
{
    switch (x) {
    case 0: return 17;
    case 1: return 4;
    case 2: return outside_add(x, 9);
    case 3: return counter;
    case 4: return 99;
    case 5: return initialised;
    case 6: return 6;
    case 7: return length(names[1]);
    default: return -1;
    }
}

static int same(const char *a, const char *b)
{
    while (*a && *a == *b) { ++a; ++b; }
    return *a == *b;
}

int main(int argc, char **argv)
{
    static int local_static = 40;
    int i;
    CHECK(argc == 3);
    CHECK(same(argv[0], "program") && same(argv[1], "one") && same(argv[2], ""));
    CHECK(argv[3] == 0);
    CHECK(log_of[0] == 'a' && log_of[1] == 'b' && log_of[2] == 'c' && order == 3);
    CHECK(initialised == 7 && counter == 3 && local_static == 40);
    for (i = 0; i < 1000; ++i) { CHECK(zeroes[i] == 0); zeroes[i] = i + 1; }
    CHECK(common_word == 0);
    common_word = 5;
    initialised = 8; counter = 4; local_static = 41;
    CHECK(outside_add(2, 3) == 5);
    CHECK(outside_pointer(20, 30) == 50);
    CHECK(outside_value == 4711 && *value_pointer == 4711);
    outside_value = 1;
    CHECK(*value_pointer == 1);
    CHECK(!missing && !&missing_value);
    CHECK(overridable() == 11);
    CHECK(functions[0](5) == 10 && functions[1](5) == 15 && functions[2](5) == 6);
    CHECK(length(names[0]) == 5 && length(names[2]) == 5 && length(changing[1]) == 7);
    CHECK(factors[argc - 3] * factors[argc - 1] == 4.0);
    CHECK(((unsigned long)page & 4095) == 0 && ((unsigned long)line & 63) == 0);
    CHECK(line[2] == 3 && page[0] == 0);
    CHECK(many_cases(0) == 17 && many_cases(1) == 4 && many_cases(2) == 11 && many_cases(3) == 4);
    CHECK(many_cases(5) == 8 && many_cases(7) == 4 && many_cases(8) == -1);
    page[0] = 1;
    return 0;
}
