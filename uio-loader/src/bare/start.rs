//! The two jumps: from the firmware into Rust, and from Rust into the kernel.
//!
//! QEMU's PVH option ROM enters at `pvh_start` in 32-bit protected mode without
//! paging, with flat segments and the start info's address in `ebx` (Xen,
//! `docs/misc/pvh.pandoc`). The page tables for the loader itself are data: the
//! first 4 GiB mapped to themselves, ready without a single instruction.
#![allow(unsafe_code)]

use core::arch::{asm, global_asm};

use hermit_entry::boot_info::RawBootInfo;
use uio_loader::paging::Tables;

/// Bytes of the stack that kernel 0.11.0 expects: it adds its own constant
/// `KERNEL_STACK_SIZE` to the address in `rsp`.
const BOOT_STACK_LEN: usize = 0x8000;

global_asm!(
    // The note by which QEMU recognises a PVH kernel: name, 8-byte entry, type.
    ".pushsection .note.Xen, \"a\", @note",
    ".balign 4",
    ".long 4, 8, 18", // XEN_ELFNOTE_PHYS32_ENTRY
    ".asciz \"Xen\"",
    ".quad pvh_start",
    ".popsection",

    ".pushsection .boot_stack, \"aw\", @nobits",
    ".balign 4096",
    "boot_stack: .skip {stack_len}",
    "boot_stack_end:",
    ".popsection",

    ".pushsection .boot_tables, \"aw\", @progbits",
    ".balign 4096",
    "boot_level4: .quad boot_level3 + 3",
    ".skip 511 * 8",
    "boot_level3: .quad boot_level2 + 0x0003, boot_level2 + 0x1003",
    ".quad boot_level2 + 0x2003, boot_level2 + 0x3003",
    ".skip 508 * 8",
    "boot_level2:",
    ".set entry, 0x83", // present, writable, large
    ".rept 2048",
    ".quad entry",
    ".set entry, entry + 0x200000",
    ".endr",
    ".popsection",

    ".pushsection .rodata, \"a\", @progbits",
    ".balign 8",
    "boot_gdt: .quad 0",
    ".quad 0x00af9b000000ffff", // 0x08: 64-bit code
    ".quad 0x00cf93000000ffff", // 0x10: data
    "boot_gdt_end:",
    "boot_gdt_pointer: .short boot_gdt_end - boot_gdt - 1",
    ".long boot_gdt",
    ".popsection",

    ".pushsection .text.pvh_start, \"ax\", @progbits",
    ".code32",
    ".globl pvh_start",
    "pvh_start:",
    "cli",
    "cld",
    "mov esp, offset boot_stack_end",
    "mov edi, ebx",
    "mov eax, offset boot_level4",
    "mov cr3, eax",
    "mov eax, cr4",
    "or eax, 1 << 5", // PAE
    "mov cr4, eax",
    "mov ecx, 0xc0000080", // EFER
    "rdmsr",
    "or eax, 1 << 8", // LME
    "wrmsr",
    "mov eax, cr0",
    "or eax, 0x80000000", // PG
    "mov cr0, eax",
    "lgdt [boot_gdt_pointer]",
    // A far jump with a 32-bit offset to 64-bit code, in bytes since the
    // assemblers disagree on its Intel spelling.
    ".byte 0xea",
    ".long 2f",
    ".short 0x08",
    ".code64",
    "2:",
    "mov eax, 0x10",
    "mov ss, eax",
    "mov ds, eax",
    "mov es, eax",
    "mov edi, edi",
    "xor ebp, ebp",
    "call {rust_start}",
    "ud2",
    ".popsection",
    rust_start = sym rust_start,
    stack_len = const BOOT_STACK_LEN,
);

unsafe extern "C" {
    static mut boot_stack: [u8; BOOT_STACK_LEN];
}

extern "sysv64" fn rust_start(start_info: u64) -> ! {
    super::main(start_info)
}

/// Leaves the loader for good: loads the kernel's page tables and jumps to
/// `entry` with the arguments of `hermit_entry::Entry` for processor 0.
///
/// The stack is the one in use, from its beginning again.
pub fn enter_kernel(tables: &'static Tables, entry: u64, boot_info: &'static RawBootInfo) -> ! {
    // SAFETY: `tables` maps the loader, so this code, the stack and everything
    // that `boot_info` points to stay where they are, and the checked image,
    // in which `entry` is. Nothing of the loader runs after that, and all it
    // passes is borrowed for good.
    unsafe {
        asm!(
            "mov cr3, {tables}",
            "mov rsp, {stack}",
            "jmp {entry}",
            tables = in(reg) core::ptr::from_ref(tables),
            stack = in(reg) &raw const boot_stack,
            entry = in(reg) entry,
            in("rdi") boot_info,
            in("esi") 0,
            options(noreturn),
        )
    }
}
