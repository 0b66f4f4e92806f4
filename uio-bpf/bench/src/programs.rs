//! The programs that are compared.
//!
//! Each is a loop of [`TURNS`] turns around what it is named after.

use uio_bpf::isa::{Insn, SOURCE_REGISTER, alu, call, class, jump, mode, size};

/// How often each program goes round.
pub const TURNS: i32 = 10_000;

/// `map_lookup_elem`: the address of a map's value, or zero.
pub const LOOKUP: i32 = 1;

/// Bytes that the memory program reads and writes.
pub const MEMORY_LEN: usize = 256;

/// Entries of the map.
pub const ENTRIES: u32 = 64;

/// A program.
pub struct Program {
    /// Its name, for figures.
    pub name: &'static str,
    /// What it does.
    pub what: &'static str,
    /// Its instructions.
    pub code: Vec<Insn>,
}

/// All of them. `map` is what the map's address is.
pub fn all(map: u64) -> Vec<Program> {
    vec![
        Program {
            name: "alu",
            what: "arithmetic",
            code: arithmetic(),
        },
        Program {
            name: "memory",
            what: "loads and stores",
            code: memory(),
        },
        Program {
            name: "call",
            what: "calls of a function",
            code: calls(),
        },
        Program {
            name: "map",
            what: "look-ups in a map",
            code: maps(map),
        },
        Program {
            name: "prime",
            what: "divisions",
            code: prime(),
        },
        Program {
            name: "packet",
            what: "headers and branches",
            code: packet(),
        },
        Program {
            name: "swap",
            what: "byte swaps and shifts by registers",
            code: swaps(),
        },
    ]
}

fn insn(opcode: u8, dst: u8, src: u8, off: i16, imm: i32) -> Insn {
    Insn {
        opcode,
        regs: dst | src << 4,
        off,
        imm,
    }
}

fn imm64(operation: u8, dst: u8, imm: i32) -> Insn {
    insn(class::ALU64 | operation, dst, 0, 0, imm)
}

fn reg64(operation: u8, dst: u8, src: u8) -> Insn {
    insn(class::ALU64 | operation | SOURCE_REGISTER, dst, src, 0, 0)
}

fn imm32(operation: u8, dst: u8, imm: i32) -> Insn {
    insn(class::ALU | operation, dst, 0, 0, imm)
}

fn reg32(operation: u8, dst: u8, src: u8) -> Insn {
    insn(class::ALU | operation | SOURCE_REGISTER, dst, src, 0, 0)
}

fn load(size: u8, dst: u8, src: u8, off: i16) -> Insn {
    insn(class::LDX | mode::MEM | size, dst, src, off, 0)
}

fn store(size: u8, dst: u8, src: u8, off: i16) -> Insn {
    insn(class::STX | mode::MEM | size, dst, src, off, 0)
}

fn exit() -> Insn {
    insn(class::JMP | jump::EXIT, 0, 0, 0, 0)
}

/// Counts register 6 down from [`TURNS`] around the body.
fn repeated(before: &[Insn], body: &[Insn], after: &[Insn]) -> Vec<Insn> {
    let mut code = vec![imm64(alu::MOV, 6, TURNS)];
    code.extend(before);
    code.extend(body);
    code.push(imm64(alu::SUB, 6, 1));
    let back = -(body.len() as i16) - 2;
    code.push(insn(class::JMP | jump::JNE, 6, 0, back, 0));
    code.extend(after);
    code
}

fn arithmetic() -> Vec<Insn> {
    let body = [
        reg64(alu::ADD, 0, 6),
        imm64(alu::MUL, 0, 31),
        reg64(alu::XOR, 1, 0),
        imm64(alu::LSH, 1, 3),
        imm64(alu::RSH, 0, 7),
        reg64(alu::OR, 2, 1),
        imm32(alu::ADD, 3, 77),
        reg32(alu::XOR, 3, 2),
        imm64(alu::ARSH, 2, 5),
        reg64(alu::SUB, 0, 3),
        imm64(alu::AND, 1, 0x7fff_ffff),
        // Not of 32 bits: rbpf's compiler moves all 64.
        reg64(alu::MOV, 4, 0),
        reg64(alu::ADD, 0, 4),
    ];
    let before = [0, 1, 2, 3].map(|register| imm64(alu::MOV, register, 1));
    repeated(&before, &body, &[exit()])
}

/// Walks through the context, 8 bytes a turn, over a number on the stack.
fn memory() -> Vec<Insn> {
    let before = [
        reg64(alu::MOV, 7, 1),
        imm64(alu::MOV, 3, 0),
        insn(class::ST | mode::MEM | size::DW, 10, 0, -8, 0),
    ];
    let body = [
        reg64(alu::MOV, 2, 7),
        reg64(alu::ADD, 2, 3),
        load(size::DW, 4, 2, 0),
        load(size::DW, 5, 10, -8),
        reg64(alu::ADD, 5, 4),
        store(size::DW, 10, 5, -8),
        store(size::W, 2, 5, 4),
        load(size::B, 4, 2, 5),
        store(size::H, 10, 4, -16),
        imm64(alu::ADD, 3, 8),
        imm64(alu::AND, 3, MEMORY_LEN as i32 - 8),
    ];
    repeated(&before, &body, &[load(size::DW, 0, 10, -8), exit()])
}

fn calls() -> Vec<Insn> {
    let body = [
        reg64(alu::MOV, 1, 6),
        reg64(alu::MOV, 2, 7),
        // To the function behind the loop's two instructions, and two more.
        insn(class::JMP | jump::CALL, 0, call::LOCAL, 0, 4),
        reg64(alu::MOV, 7, 0),
    ];
    let after = [
        exit(),
        reg64(alu::MOV, 0, 1),
        imm64(alu::MUL, 0, 3),
        reg64(alu::ADD, 0, 2),
        exit(),
    ];
    repeated(&[imm64(alu::MOV, 7, 0)], &body, &after)
}

fn maps(map: u64) -> Vec<Insn> {
    let wide = class::LD | mode::IMM | size::DW;
    let body = [
        reg64(alu::MOV, 2, 6),
        imm64(alu::AND, 2, ENTRIES as i32 - 1),
        store(size::W, 10, 2, -4),
        reg64(alu::MOV, 2, 10),
        imm64(alu::ADD, 2, -4),
        insn(wide, 1, 0, 0, map as i32),
        insn(0, 0, 0, 0, (map >> 32) as i32),
        insn(class::JMP | jump::CALL, 0, call::HELPER, 0, LOOKUP),
        insn(class::JMP | jump::JEQ, 0, 0, 4, 0),
        load(size::DW, 3, 0, 0),
        reg64(alu::ADD, 3, 6),
        store(size::DW, 0, 3, 0),
        reg64(alu::ADD, 7, 3),
    ];
    repeated(
        &[imm64(alu::MOV, 7, 0)],
        &body,
        &[reg64(alu::MOV, 0, 7), exit()],
    )
}

/// Divides an odd number by 2, 3, 4 and so on, and counts what leaves nothing.
fn prime() -> Vec<Insn> {
    let before = [
        imm64(alu::MOV, 0, 0),
        imm64(alu::MOV, 1, 1_000_003),
        imm64(alu::MOV, 2, 1),
    ];
    let body = [
        imm64(alu::ADD, 2, 1),
        reg64(alu::MOV, 3, 1),
        reg64(alu::MOD, 3, 2),
        insn(class::JMP | jump::JNE, 3, 0, 1, 0),
        imm64(alu::ADD, 0, 1),
    ];
    repeated(&before, &body, &[exit()])
}

/// Looks into the context as a filter looks into a packet: the type, the length of a header, a port.
fn packet() -> Vec<Insn> {
    let jne = |dst: u8, off: i16, imm: i32| insn(class::JMP | jump::JNE, dst, 0, off, imm);
    let before = [imm64(alu::MOV, 0, 0), reg64(alu::MOV, 7, 1)];
    let body = [
        load(size::H, 2, 7, 12),
        jne(2, 11, 0x0101),
        load(size::B, 3, 7, 23),
        jne(3, 9, 1),
        load(size::B, 4, 7, 14),
        imm64(alu::AND, 4, 0xf),
        imm64(alu::LSH, 4, 2),
        reg64(alu::MOV, 5, 7),
        reg64(alu::ADD, 5, 4),
        load(size::W, 2, 5, 16),
        insn(class::JMP32 | jump::JSGT, 2, 0, 2, 0x2020_2020),
        load(size::DW, 3, 5, 24),
        reg64(alu::ADD, 0, 3),
    ];
    repeated(&before, &body, &[exit()])
}

fn swaps() -> Vec<Insn> {
    let swap = |dst: u8, bits: i32| insn(class::ALU | alu::END | SOURCE_REGISTER, dst, 0, 0, bits);
    let before = [imm64(alu::MOV, 0, 0x1234_5678), imm64(alu::MOV, 3, 7)];
    let body = [
        reg64(alu::MOV, 1, 0),
        swap(1, 64),
        reg64(alu::LSH, 1, 3),
        swap(0, 32),
        reg64(alu::ADD, 0, 1),
        reg64(alu::MOV, 2, 6),
        swap(2, 16),
        reg64(alu::RSH, 0, 2),
        reg64(alu::XOR, 0, 6),
    ];
    repeated(&before, &body, &[exit()])
}
