//! Arithmetic (RFC 9669, sections 4.1 and 4.2).

use super::machine::Machine;
use super::op::{At, Step};
use crate::isa::{Insn, SOURCE_REGISTER, alu, class};

/// The step of an operation, out of what it does to 64 bits and to 32; the high half becomes zero there.
macro_rules! of {
    ($insn:expr, $wide:expr, $narrow:expr) => {{
        fn wide_k(machine: &mut Machine<'_, '_>, at: At) -> At {
            let operation: fn(u64, u64) -> u64 = $wide;
            let dst = machine.dst(at);
            *dst = operation(*dst, at.wide());
            machine.after(at)
        }
        fn wide_x(machine: &mut Machine<'_, '_>, at: At) -> At {
            let operation: fn(u64, u64) -> u64 = $wide;
            let right = machine.src(at);
            let dst = machine.dst(at);
            *dst = operation(*dst, right);
            machine.after(at)
        }
        fn narrow_k(machine: &mut Machine<'_, '_>, at: At) -> At {
            let operation: fn(u32, u32) -> u32 = $narrow;
            let dst = machine.dst(at);
            *dst = u64::from(operation(*dst as u32, at.imm as u32));
            machine.after(at)
        }
        fn narrow_x(machine: &mut Machine<'_, '_>, at: At) -> At {
            let operation: fn(u32, u32) -> u32 = $narrow;
            let right = machine.src(at) as u32;
            let dst = machine.dst(at);
            *dst = u64::from(operation(*dst as u32, right));
            machine.after(at)
        }
        let step: Step = match (
            $insn.class() == class::ALU,
            $insn.opcode & SOURCE_REGISTER != 0,
        ) {
            (false, false) => wide_k,
            (false, true) => wide_x,
            (true, false) => narrow_k,
            (true, true) => narrow_x,
        };
        step
    }};
}

/// A step that makes the destination of itself.
macro_rules! of_dst {
    ($operation:expr) => {{
        fn step(machine: &mut Machine<'_, '_>, at: At) -> At {
            let operation: fn(u64) -> u64 = $operation;
            let dst = machine.dst(at);
            *dst = operation(*dst);
            machine.after(at)
        }
        step as Step
    }};
}

/// A step that makes the destination of the source.
macro_rules! of_src {
    ($operation:expr) => {{
        fn step(machine: &mut Machine<'_, '_>, at: At) -> At {
            let operation: fn(u64) -> u64 = $operation;
            let right = machine.src(at);
            *machine.dst(at) = operation(right);
            machine.after(at)
        }
        step as Step
    }};
}

/// The step of an instruction of the classes `ALU` and `ALU64`.
#[must_use]
pub fn step(insn: Insn) -> Step {
    match (insn.opcode & 0xf0, insn.off) {
        (alu::ADD, _) => of!(insn, u64::wrapping_add, u32::wrapping_add),
        (alu::SUB, _) => of!(insn, u64::wrapping_sub, u32::wrapping_sub),
        (alu::MUL, _) => of!(insn, u64::wrapping_mul, u32::wrapping_mul),
        (alu::OR, _) => of!(insn, |l, r| l | r, |l, r| l | r),
        (alu::AND, _) => of!(insn, |l, r| l & r, |l, r| l & r),
        (alu::XOR, _) => of!(insn, |l, r| l ^ r, |l, r| l ^ r),
        (alu::LSH, _) => of!(insn, |l, r| l.wrapping_shl(r as u32), u32::wrapping_shl),
        (alu::RSH, _) => of!(insn, |l, r| l.wrapping_shr(r as u32), u32::wrapping_shr),
        (alu::ARSH, _) => of!(
            insn,
            |l, r| (l as i64).wrapping_shr(r as u32) as u64,
            |l, r| (l as i32).wrapping_shr(r) as u32
        ),
        (alu::DIV, 1) => of!(insn, signed_quotient, signed_narrow_quotient),
        (alu::DIV, _) => of!(insn, |l, r| l.checked_div(r).unwrap_or(0), |l, r| l
            .checked_div(r)
            .unwrap_or(0)),
        (alu::MOD, 1) => of!(insn, signed_rest, signed_narrow_rest),
        (alu::MOD, _) => of!(insn, |l, r| l.checked_rem(r).unwrap_or(l), |l, r| l
            .checked_rem(r)
            .unwrap_or(l)),
        (alu::NEG, _) => of!(insn, |l, _| l.wrapping_neg(), |l, _| l.wrapping_neg()),
        (alu::END, _) => swap(insn),
        (alu::MOV, 0) => of!(insn, |_, r| r, |_, r| r),
        (_, bits) => extend(insn.class() == class::ALU, bits),
    }
}

/// `MOVSX`.
fn extend(narrow: bool, bits: i16) -> Step {
    match (narrow, bits) {
        (false, 8) => of_src!(|r| r as i8 as u64),
        (false, 16) => of_src!(|r| r as i16 as u64),
        (false, _) => of_src!(|r| r as i32 as u64),
        (true, 8) => of_src!(|r| u64::from(r as i8 as u32)),
        (true, _) => of_src!(|r| u64::from(r as i16 as u32)),
    }
}

/// `LE`, `BE` and `BSWAP` (RFC 9669, section 4.2), on a little-endian machine.
fn swap(insn: Insn) -> Step {
    let little = insn.class() == class::ALU && insn.opcode & SOURCE_REGISTER == 0;
    match (little, insn.imm) {
        (true, 16) => of_dst!(|l| l & 0xffff),
        (true, 32) => of_dst!(|l| l & 0xffff_ffff),
        (true, _) => of_dst!(|l| l),
        (false, 16) => of_dst!(|l| u64::from((l as u16).swap_bytes())),
        (false, 32) => of_dst!(|l| u64::from((l as u32).swap_bytes())),
        (false, _) => of_dst!(u64::swap_bytes),
    }
}

// Division by zero gives zero, and modulo zero the left side; what overflows wraps (RFC 9669, section 4.1).

fn signed_quotient(left: u64, right: u64) -> u64 {
    match right {
        0 => 0,
        _ => (left as i64).wrapping_div(right as i64) as u64,
    }
}

fn signed_narrow_quotient(left: u32, right: u32) -> u32 {
    match right {
        0 => 0,
        _ => (left as i32).wrapping_div(right as i32) as u32,
    }
}

fn signed_rest(left: u64, right: u64) -> u64 {
    match right {
        0 => left,
        _ => (left as i64).wrapping_rem(right as i64) as u64,
    }
}

fn signed_narrow_rest(left: u32, right: u32) -> u32 {
    match right {
        0 => left,
        _ => (left as i32).wrapping_rem(right as i32) as u32,
    }
}
