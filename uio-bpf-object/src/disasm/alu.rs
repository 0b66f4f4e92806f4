//! Arithmetic (RFC 9669, 4.1 and 4.2).

use uio_bpf::isa::{Insn, SOURCE_REGISTER, alu, class};

use super::register;

pub(super) fn text(insn: Insn) -> Option<String> {
    let wide = insn.class() == class::ALU64;
    let dst = register(insn.dst(), wide);
    let from_register = insn.opcode & SOURCE_REGISTER != 0;
    let source = match from_register {
        true => register(insn.src(), wide),
        false => insn.imm.to_string(),
    };
    let operator = match (insn.opcode & 0xf0, insn.off) {
        (alu::ADD, 0) => "+=",
        (alu::SUB, 0) => "-=",
        (alu::MUL, 0) => "*=",
        (alu::DIV, 0) => "/=",
        (alu::DIV, 1) => "s/=",
        (alu::MOD, 0) => "%=",
        (alu::MOD, 1) => "s%=",
        (alu::OR, 0) => "|=",
        (alu::AND, 0) => "&=",
        (alu::XOR, 0) => "^=",
        (alu::LSH, 0) => "<<=",
        (alu::RSH, 0) => ">>=",
        (alu::ARSH, 0) => "s>>=",
        (alu::MOV, 0) => "=",
        (alu::MOV, 8 | 16 | 32) if from_register && (wide || insn.off < 32) => {
            return Some(format!("{dst} = (s{}){source}", insn.off));
        }
        (alu::NEG, 0) if !from_register => return Some(format!("{dst} = -{dst}")),
        (alu::END, 0) => return swap(insn, wide, from_register),
        _ => return None,
    };
    Some(format!("{dst} {operator} {source}"))
}

/// Byte swaps: to little- or big-endian in class ALU, always in class ALU64.
fn swap(insn: Insn, always: bool, flag: bool) -> Option<String> {
    let name = match (always, flag) {
        (false, false) => "le",
        (false, true) => "be",
        (true, false) => "bswap",
        (true, true) => return None,
    };
    let dst = register(insn.dst(), true);
    matches!(insn.imm, 16 | 32 | 64).then(|| format!("{dst} = {name}{} {dst}", insn.imm))
}
