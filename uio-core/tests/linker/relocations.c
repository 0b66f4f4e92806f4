/* Each relocation of x86-64, from assembly, checked by arithmetic. `main` returns 0, or the line of
 * what went wrong. */

#define CHECK(condition) do { if (!(condition)) return __LINE__; } while (0)

typedef unsigned long u64;
typedef unsigned int u32;
typedef unsigned short u16;
typedef unsigned char u8;

__asm__(
    ".section .data.table,\"aw\"\n"
    ".balign 8\n"
    "r_64: .quad target + 5\n"
    "r_pc64: .quad target + 7 - r_pc64\n"
    "r_32: .long target + 1\n"
    "r_32s: .reloc ., R_X86_64_32S, target + 2\n .long 0\n"
    "r_pc32: .long target + 3 - r_pc32\n"
    "r_plt32: .reloc ., R_X86_64_PLT32, target + 4\n .long 0\n"
    "r_16: .short small + 1\n"
    "r_8: .byte tiny + 1\n .byte 0\n"
    "r_pc16: .reloc ., R_X86_64_PC16, r_64\n .short 0\n .short 0\n"
    "r_pc8: .reloc ., R_X86_64_PC8, r_pc16\n .byte 0, 0, 0, 0\n"
    "r_got32: .reloc ., R_X86_64_GOT32, target\n .long 0\n"
    "r_gotpc32: .reloc ., R_X86_64_GOTPC32, _GLOBAL_OFFSET_TABLE_ + 9\n .long 0\n"
    "r_gotpcrel: .reloc ., R_X86_64_GOTPCREL, target\n .long 0\n"
    "r_gotpcrelx: .reloc ., R_X86_64_GOTPCRELX, target\n .long 0\n"
    "r_rex_gotpcrelx: .reloc ., R_X86_64_REX_GOTPCRELX, target\n .long 0\n"
    "r_size32: .reloc ., R_X86_64_SIZE32, target + 1\n .long 0\n"
    ".balign 8\n"
    "r_gotoff64: .reloc ., R_X86_64_GOTOFF64, target\n .quad 0\n"
    "r_got64: .reloc ., R_X86_64_GOT64, target\n .quad 0\n"
    "r_gotpc64: .reloc ., R_X86_64_GOTPC64, _GLOBAL_OFFSET_TABLE_\n .quad 0\n"
    "r_pltoff64: .reloc ., R_X86_64_PLTOFF64, target\n .quad 0\n"
    "r_gotpcrel64: .reloc ., R_X86_64_GOTPCREL64, target\n .quad 0\n"
    "r_size64: .reloc ., R_X86_64_SIZE64, target + 2\n .quad 0\n"
    "r_gotplt64: .reloc ., R_X86_64_GOTPLT64, target\n .quad 0\n"
    "r_pc64_named: .reloc ., R_X86_64_PC64, target + 6\n .quad 0\n"
    "r_none: .reloc ., R_X86_64_NONE, target\n .quad 0x1122334455667788\n"
    "r_got: .quad _GLOBAL_OFFSET_TABLE_\n"
    ".globl target\n .type target, @object\n .size target, 24\n"
    "target: .quad 1, 2, 3\n"
    ".text\n");

#define TABLE __attribute__((visibility("hidden")))
extern TABLE u64 r_64, r_pc64, r_pc64_named, r_gotplt64, r_gotoff64, r_got64, r_gotpc64, r_pltoff64, r_gotpcrel64, r_size64, r_none, r_got;
extern TABLE int r_pc32, r_plt32, r_gotpc32, r_gotpcrel, r_gotpcrelx, r_rex_gotpcrelx, r_32s;
extern TABLE u32 r_32, r_got32, r_size32;
extern TABLE u16 r_16;
extern TABLE short r_pc16;
extern TABLE u8 r_8;
extern TABLE signed char r_pc8;
extern TABLE char target[24];

int main(void)
{
    u64 t = (u64)target;
    u64 got = (u64)&r_gotpc32 + (u64)r_gotpc32 - 9;
    CHECK(r_64 == t + 5);
    CHECK(r_pc64 == t + 7 - (u64)&r_pc64);
    CHECK(r_32 == t + 1);
    CHECK((u64)r_32s == t + 2);
    CHECK((u64)&r_pc32 + (u64)r_pc32 == t + 3);
    CHECK((u64)&r_plt32 + (u64)r_plt32 == t + 4);
    CHECK(r_16 == 0x7ffc);
    CHECK(r_8 == 0x7c);
    CHECK((u64)&r_pc16 + (u64)r_pc16 == (u64)&r_64);
    CHECK((u64)&r_pc8 + (u64)r_pc8 == (u64)&r_pc16);
    CHECK(*(u64 *)(got + r_got32) == t);
    CHECK(*(u64 *)((u64)&r_gotpcrel + (u64)r_gotpcrel) == t);
    CHECK(*(u64 *)((u64)&r_gotpcrelx + (u64)r_gotpcrelx) == t);
    CHECK(*(u64 *)((u64)&r_rex_gotpcrelx + (u64)r_rex_gotpcrelx) == t);
    CHECK(r_size32 == 25);
    CHECK(r_gotoff64 + got == t);
    CHECK(*(u64 *)(got + r_got64) == t);
    CHECK((u64)&r_gotpc64 + r_gotpc64 == got);
    CHECK(r_pltoff64 + got == t);
    CHECK(*(u64 *)((u64)&r_gotpcrel64 + r_gotpcrel64) == t);
    CHECK(*(u64 *)(got + r_gotplt64) == t);
    CHECK(r_pc64_named + (u64)&r_pc64_named == t + 6);
    CHECK(r_size64 == 26);
    /* One assembler takes the name for an address, the other for a distance. */
    CHECK(r_got == got || (u64)&r_got + r_got == got);
    CHECK(r_none == 0x1122334455667788);
    return 0;
}
