//! Instructions as the interpreter has them: one dense number for what to do, values widened,
//! calls looked up.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::helper::{APPLICATION, Table};
use crate::isa::{Insn, SOURCE_REGISTER, alu, class, jump, mode, size};
use crate::program::Function;

/// A program for the interpreter: as many as there are instructions, so that numbers are the same.
pub struct Ops(pub(super) Box<[Op]>);

/// One instruction.
#[derive(Clone, Copy)]
pub(super) struct Op {
    /// What to do.
    pub code: Code,
    /// Destination register.
    pub dst: Register,
    /// Source register.
    pub src: Register,
    /// Distance of a jump or an access; the number in its table of what is called.
    pub off: i32,
    /// Immediate, widened with its sign.
    pub imm: u64,
}

/// A register. There are sixteen of these, so that no number that four bits hold is outside.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[rustfmt::skip]
pub(super) enum Register { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10, R11, R12, R13, R14, R15 }

#[rustfmt::skip]
const REGISTERS: [Register; 16] = {
    use Register::*;
    [R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10, R11, R12, R13, R14, R15]
};

impl Register {
    fn new(number: u8) -> Self {
        REGISTERS[usize::from(number & 15)]
    }
}

/// What to do. `K` is an immediate as the source, `X` a register; `32` is arithmetic on the low halves.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[rustfmt::skip]
pub(super) enum Code {
    Add64K, Add64X, Add32K, Add32X,
    Sub64K, Sub64X, Sub32K, Sub32X,
    Mul64K, Mul64X, Mul32K, Mul32X,
    Div64K, Div64X, Div32K, Div32X,
    Or64K, Or64X, Or32K, Or32X,
    And64K, And64X, And32K, And32X,
    Lsh64K, Lsh64X, Lsh32K, Lsh32X,
    Rsh64K, Rsh64X, Rsh32K, Rsh32X,
    Mod64K, Mod64X, Mod32K, Mod32X,
    Xor64K, Xor64X, Xor32K, Xor32X,
    Mov64K, Mov64X, Mov32K, Mov32X,
    Arsh64K, Arsh64X, Arsh32K, Arsh32X,
    Sdiv64K, Sdiv64X, Sdiv32K, Sdiv32X,
    Smod64K, Smod64X, Smod32K, Smod32X,
    Neg64, Neg32,
    Movsx64From8, Movsx64From16, Movsx64From32, Movsx32From8, Movsx32From16,
    Low16, Low32, Swap16, Swap32, Swap64,
    Jeq64K, Jeq64X, Jeq32K, Jeq32X,
    Jgt64K, Jgt64X, Jgt32K, Jgt32X,
    Jge64K, Jge64X, Jge32K, Jge32X,
    Jset64K, Jset64X, Jset32K, Jset32X,
    Jne64K, Jne64X, Jne32K, Jne32X,
    Jsgt64K, Jsgt64X, Jsgt32K, Jsgt32X,
    Jsge64K, Jsge64X, Jsge32K, Jsge32X,
    Jlt64K, Jlt64X, Jlt32K, Jlt32X,
    Jle64K, Jle64X, Jle32K, Jle32X,
    Jslt64K, Jslt64X, Jslt32K, Jslt32X,
    Jsle64K, Jsle64X, Jsle32K, Jsle32X,
    Ja,
    Load8, Load16, Load32, Load64, LoadSigned8, LoadSigned16, LoadSigned32,
    Store8K, Store16K, Store32K, Store64K, Store8X, Store16X, Store32X, Store64X,
    Atomic32, Atomic64,
    Wide,
    /// A function: `imm` is where it begins, and in its high half how long it is.
    Call,
    /// A helper of the runtime: `off` is its index in the table, `imm` its number.
    CallOwn,
    /// A helper of the application: likewise.
    CallApplication,
    CallX,
    Exit,
    /// Changes nothing.
    Nop,
}

/// The four forms of an operation: 64 bits with an immediate and a register, 32 bits with both.
type Forms = [Code; 4];

/// By operation, signed division and modulo last.
#[rustfmt::skip]
const ARITHMETIC: [(u8, Forms); 12] = {
    use Code::*;
    [
        (alu::ADD, [Add64K, Add64X, Add32K, Add32X]),
        (alu::SUB, [Sub64K, Sub64X, Sub32K, Sub32X]),
        (alu::MUL, [Mul64K, Mul64X, Mul32K, Mul32X]),
        (alu::DIV, [Div64K, Div64X, Div32K, Div32X]),
        (alu::OR, [Or64K, Or64X, Or32K, Or32X]),
        (alu::AND, [And64K, And64X, And32K, And32X]),
        (alu::LSH, [Lsh64K, Lsh64X, Lsh32K, Lsh32X]),
        (alu::RSH, [Rsh64K, Rsh64X, Rsh32K, Rsh32X]),
        (alu::MOD, [Mod64K, Mod64X, Mod32K, Mod32X]),
        (alu::XOR, [Xor64K, Xor64X, Xor32K, Xor32X]),
        (alu::MOV, [Mov64K, Mov64X, Mov32K, Mov32X]),
        (alu::ARSH, [Arsh64K, Arsh64X, Arsh32K, Arsh32X]),
    ]
};

#[rustfmt::skip]
const JUMPS: [(u8, Forms); 11] = {
    use Code::*;
    [
        (jump::JEQ, [Jeq64K, Jeq64X, Jeq32K, Jeq32X]),
        (jump::JGT, [Jgt64K, Jgt64X, Jgt32K, Jgt32X]),
        (jump::JGE, [Jge64K, Jge64X, Jge32K, Jge32X]),
        (jump::JSET, [Jset64K, Jset64X, Jset32K, Jset32X]),
        (jump::JNE, [Jne64K, Jne64X, Jne32K, Jne32X]),
        (jump::JSGT, [Jsgt64K, Jsgt64X, Jsgt32K, Jsgt32X]),
        (jump::JSGE, [Jsge64K, Jsge64X, Jsge32K, Jsge32X]),
        (jump::JLT, [Jlt64K, Jlt64X, Jlt32K, Jlt32X]),
        (jump::JLE, [Jle64K, Jle64X, Jle32K, Jle32X]),
        (jump::JSLT, [Jslt64K, Jslt64X, Jslt32K, Jslt32X]),
        (jump::JSLE, [Jsle64K, Jsle64X, Jsle32K, Jsle32X]),
    ]
};

const SIGNED_DIV: Forms = [Code::Sdiv64K, Code::Sdiv64X, Code::Sdiv32K, Code::Sdiv32X];
const SIGNED_MOD: Forms = [Code::Smod64K, Code::Smod64X, Code::Smod32K, Code::Smod32X];

/// By size: bytes, halves, words, double words.
const LOADS: Forms = [Code::Load8, Code::Load16, Code::Load32, Code::Load64];
#[rustfmt::skip]
const SIGNED_LOADS: Forms = [Code::LoadSigned8, Code::LoadSigned16, Code::LoadSigned32, Code::Load64];
const IMMEDIATE_STORES: Forms = [
    Code::Store8K,
    Code::Store16K,
    Code::Store32K,
    Code::Store64K,
];
const STORES: Forms = [
    Code::Store8X,
    Code::Store16X,
    Code::Store32X,
    Code::Store64X,
];

impl Ops {
    /// Of a program that was checked and whose wide instructions are resolved.
    #[must_use]
    pub fn new(insns: &[Insn], functions: &[Function], helpers: &Table<'_>) -> Self {
        let mut ops = Vec::with_capacity(insns.len());
        let mut half = false;
        for (at, &insn) in insns.iter().enumerate() {
            let mut op = decode(insn);
            match op.code {
                _ if half => {
                    op.code = Code::Nop;
                    half = false;
                }
                Code::Wide => {
                    let high = insns.get(at + 1).map_or(0, |second| second.imm);
                    op.imm = u64::from(insn.imm as u32) | (high as u64) << 32;
                    half = true;
                }
                Code::Call => {
                    let start = (at as i64 + 1 + i64::from(insn.imm)) as u32;
                    let number = functions.partition_point(|function| function.start < start);
                    let end = functions.get(number).map_or(start, |function| function.end);
                    op.imm = u64::from(start) | u64::from(end - start) << 32;
                }
                Code::CallOwn => call_helper(&mut op, helpers),
                _ => {}
            }
            ops.push(op);
        }
        Self(ops.into_boxed_slice())
    }
}

fn call_helper(op: &mut Op, helpers: &Table<'_>) {
    let id = op.imm as u32;
    op.imm = u64::from(id);
    if let Some(index) = id.checked_sub(APPLICATION) {
        op.code = Code::CallApplication;
        op.off = index as i32;
    } else {
        op.off = helpers.own.partition_point(|helper| helper.id < id) as i32;
    }
}

/// One instruction by itself.
fn decode(insn: Insn) -> Op {
    let (code, off) = match insn.class() {
        class::LD => (Code::Wide, 0),
        class::LDX if insn.opcode & 0xe0 == mode::MEMSX => {
            (by_size(&SIGNED_LOADS, insn), i32::from(insn.off))
        }
        class::LDX => (by_size(&LOADS, insn), i32::from(insn.off)),
        class::ST => (by_size(&IMMEDIATE_STORES, insn), i32::from(insn.off)),
        class::STX if insn.opcode & 0xe0 == mode::ATOMIC => {
            let code = match insn.opcode & 0x18 {
                size::W => Code::Atomic32,
                _ => Code::Atomic64,
            };
            (code, i32::from(insn.off))
        }
        class::STX => (by_size(&STORES, insn), i32::from(insn.off)),
        class::ALU | class::ALU64 => (arithmetic(insn), 0),
        _ => branch(insn),
    };
    Op {
        code,
        dst: Register::new(insn.dst()),
        src: Register::new(insn.src()),
        off,
        imm: i64::from(insn.imm) as u64,
    }
}

fn by_size(forms: &Forms, insn: Insn) -> Code {
    let [byte, half, word, double] = *forms;
    match insn.opcode & 0x18 {
        size::B => byte,
        size::H => half,
        size::W => word,
        _ => double,
    }
}

/// The form of an operation in a table.
fn form(table: &[(u8, Forms)], insn: Insn, narrow: bool) -> Code {
    let operation = insn.opcode & 0xf0;
    let found = table.iter().find(|(of, _)| *of == operation);
    found.map_or(Code::Nop, |(_, forms)| one_of(forms, insn, narrow))
}

fn one_of(forms: &Forms, insn: Insn, narrow: bool) -> Code {
    let register = insn.opcode & SOURCE_REGISTER != 0;
    forms[usize::from(narrow) * 2 + usize::from(register)]
}

fn arithmetic(insn: Insn) -> Code {
    let narrow = insn.class() == class::ALU;
    match (insn.opcode & 0xf0, insn.off) {
        (alu::NEG, _) if narrow => Code::Neg32,
        (alu::NEG, _) => Code::Neg64,
        (alu::END, _) => swap(insn, narrow),
        (alu::DIV, 1) => one_of(&SIGNED_DIV, insn, narrow),
        (alu::MOD, 1) => one_of(&SIGNED_MOD, insn, narrow),
        (alu::MOV, 8) if narrow => Code::Movsx32From8,
        (alu::MOV, 16) if narrow => Code::Movsx32From16,
        (alu::MOV, 8) => Code::Movsx64From8,
        (alu::MOV, 16) => Code::Movsx64From16,
        (alu::MOV, 32) => Code::Movsx64From32,
        _ => form(&ARITHMETIC, insn, narrow),
    }
}

/// `LE`, `BE` and `BSWAP` (RFC 9669, section 4.2), on a little-endian machine.
fn swap(insn: Insn, narrow: bool) -> Code {
    let little = narrow && insn.opcode & SOURCE_REGISTER == 0;
    match (insn.imm, little) {
        (16, true) => Code::Low16,
        (32, true) => Code::Low32,
        (_, true) => Code::Nop,
        (16, false) => Code::Swap16,
        (32, false) => Code::Swap32,
        (_, false) => Code::Swap64,
    }
}

fn branch(insn: Insn) -> (Code, i32) {
    let narrow = insn.class() == class::JMP32;
    let off = i32::from(insn.off);
    match insn.opcode & 0xf0 {
        jump::JA if narrow => (Code::Ja, insn.imm),
        jump::JA => (Code::Ja, off),
        jump::CALL if insn.opcode & SOURCE_REGISTER != 0 => (Code::CallX, 0),
        jump::CALL if insn.src() == crate::isa::call::LOCAL => (Code::Call, 0),
        jump::CALL => (Code::CallOwn, 0),
        jump::EXIT => (Code::Exit, 0),
        _ => (form(&JUMPS, insn, narrow), off),
    }
}
