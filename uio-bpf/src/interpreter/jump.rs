//! Jumps (RFC 9669, section 4.3).

use super::machine::Machine;
use super::op::{At, Step};
use crate::isa::{Insn, SOURCE_REGISTER, class, jump};

/// The step of a jump, out of its condition on 64 bits and on 32.
macro_rules! of {
    ($insn:expr, $wide:expr, $narrow:expr) => {{
        fn wide_k(machine: &mut Machine<'_, '_>, at: At) -> At {
            let holds: fn(u64, u64) -> bool = $wide;
            let taken = holds(*machine.dst(at), at.wide());
            machine.jump(at, taken)
        }
        fn wide_x(machine: &mut Machine<'_, '_>, at: At) -> At {
            let holds: fn(u64, u64) -> bool = $wide;
            let taken = holds(*machine.dst(at), machine.src(at));
            machine.jump(at, taken)
        }
        fn narrow_k(machine: &mut Machine<'_, '_>, at: At) -> At {
            let holds: fn(u32, u32) -> bool = $narrow;
            let taken = holds(*machine.dst(at) as u32, at.imm as u32);
            machine.jump(at, taken)
        }
        fn narrow_x(machine: &mut Machine<'_, '_>, at: At) -> At {
            let holds: fn(u32, u32) -> bool = $narrow;
            let taken = holds(*machine.dst(at) as u32, machine.src(at) as u32);
            machine.jump(at, taken)
        }
        let step: Step = match (
            $insn.class() == class::JMP32,
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

/// The step of a jump of the classes `JMP` and `JMP32`.
#[must_use]
pub fn step(insn: Insn) -> Step {
    match insn.opcode & 0xf0 {
        jump::JA if insn.class() == class::JMP32 => far,
        jump::JA => near,
        jump::JEQ => of!(insn, |l, r| l == r, |l, r| l == r),
        jump::JNE => of!(insn, |l, r| l != r, |l, r| l != r),
        jump::JSET => of!(insn, |l, r| l & r != 0, |l, r| l & r != 0),
        jump::JGT => of!(insn, |l, r| l > r, |l, r| l > r),
        jump::JGE => of!(insn, |l, r| l >= r, |l, r| l >= r),
        jump::JLT => of!(insn, |l, r| l < r, |l, r| l < r),
        jump::JLE => of!(insn, |l, r| l <= r, |l, r| l <= r),
        jump::JSGT => of!(insn, |l, r| l as i64 > r as i64, |l, r| l as i32 > r as i32),
        jump::JSGE => of!(insn, |l, r| l as i64 >= r as i64, |l, r| l as i32
            >= r as i32),
        jump::JSLT => of!(insn, |l, r| (l as i64) < r as i64, |l, r| (l as i32)
            < r as i32),
        _ => of!(insn, |l, r| l as i64 <= r as i64, |l, r| l as i32
            <= r as i32),
    }
}

fn near(machine: &mut Machine<'_, '_>, at: At) -> At {
    machine.jump(at, true)
}

fn far(machine: &mut Machine<'_, '_>, at: At) -> At {
    machine.jump_by(at, at.imm)
}
