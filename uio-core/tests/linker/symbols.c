/* Symbols of all kinds and bindings, sections by name, and calls between them. */

#define VISIBLE(how) __attribute__((visibility(#how)))

extern int outside_run(int);
extern int outside_value;
extern int gone(int) __attribute__((weak));
extern int gone_value __attribute__((weak));
extern VISIBLE(hidden) int gone_hidden __attribute__((weak));

int symbols_common;
_Alignas(64) char symbols_common_wide[200];
long symbols_common_last;
static int symbols_local;
VISIBLE(hidden) int symbols_hidden = 2;
VISIBLE(protected) int symbols_protected = 3;
VISIBLE(hidden) int symbols_hidden_zero;
__attribute__((weak)) int symbols_weak = 4;
int symbols_aliased = 5;
extern int symbols_alias __attribute__((alias("symbols_aliased")));

VISIBLE(hidden) int hidden_function(int x) { return x + symbols_hidden; }
VISIBLE(protected) __attribute__((noinline)) int protected_function(int x) { return x - symbols_protected; }
__attribute__((weak)) int weak_function(int x) { return x ^ symbols_weak; }
static int real_function(int x) { return x * symbols_aliased; }
int alias_function(int) __attribute__((alias("real_function")));
static inline __attribute__((always_inline)) int inlined(int x) { return x + symbols_local; }
__attribute__((noinline)) static int tail_outside(int x) { return outside_run(x + 1); }
__attribute__((noinline)) static int tail_weak(int x) { return gone ? gone(x) : weak_function(x); }

__attribute__((section("cold_text"), noinline)) static int in_section(int x) { return outside_value + x; }
__attribute__((section(".text.zz"), aligned(128), noinline)) static int aligned_function(int x) { return x + 9; }
__attribute__((section("own_data"))) static int own = 6;
__attribute__((section("own_constants"))) static const int *const own_constant = &own;
__asm__(".pushsection own_nobits,\"aw\",@nobits\n .balign 4\nown_zero: .zero 20\n.popsection");
extern VISIBLE(hidden) int own_zero[5];
_Alignas(4096) static const char own_page[4096 + 1] = "page";
__attribute__((used)) static const int unused_constant = 77;

__attribute__((constructor)) static void begin(void) { symbols_local = 1; }
__attribute__((constructor(500))) static void begin_first(void) { symbols_common = 2; }
__attribute__((destructor(500))) static void end_last(void) { symbols_common = 3; }
__attribute__((destructor)) static void end(void) { symbols_local = 4; }

int (*const symbols_functions[])(int) = {
    hidden_function, protected_function, weak_function, alias_function, outside_run, in_section, gone,
};
int *symbols_values[] = {
    &symbols_common, &symbols_local, &symbols_hidden, &symbols_protected, &symbols_weak, &symbols_alias,
    &outside_value, &gone_value,
};

int symbols_main(int argc, char **argv) __asm__(SYMBOLS_MAIN);
int symbols_main(int argc, char **argv)
{
    int x = inlined(argc) + tail_outside(argc) + tail_weak(argc) + in_section(argc);
    x += symbols_functions[argc & 3](x) + *symbols_values[argc & 3];
    x += aligned_function(own_zero[argc % 5]) + *own_constant + own_page[argc];
    if (&gone_hidden) x += gone_hidden;
    if (&gone_value) x += gone_value;
    symbols_hidden_zero = symbols_common_wide[argc] + (int)symbols_common_last;
    symbols_common_wide[3] = argv[0][0];
    return x + hidden_function(1) + protected_function(2) + weak_function(3) + alias_function(4) + symbols_alias;
}
