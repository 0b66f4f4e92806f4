//! Instructions as the interpreter has them, and where a run is among them.
#![allow(
    unsafe_code,
    reason = "a place among instructions is a pointer, which takes a third less time than a number"
)]

use core::ops::Deref;

use super::machine::Machine;
use super::ops::Ops;
use crate::isa::{self, Insn};

/// What one instruction does. It says where to go on.
pub type Step = fn(&mut Machine<'_, '_>, At) -> At;

/// One instruction. There are as many as in the program, so that numbers are the same.
#[derive(Clone, Copy)]
pub struct Op {
    /// What it does.
    pub step: Step,
    /// As the instruction has it.
    pub imm: i32,
    /// As the instruction has it; of calls, what [`super::ops`] puts there.
    pub off: i16,
    /// Destination register.
    pub dst: Register,
    /// Source register.
    pub src: Register,
}

impl Op {
    /// The instruction, to do this.
    #[must_use]
    pub fn new(insn: Insn, step: Step) -> Self {
        Self {
            step,
            imm: insn.imm,
            off: insn.off,
            dst: Register::new(insn.dst()),
            src: Register::new(insn.src()),
        }
    }

    /// The immediate, widened with its sign.
    #[inline(always)]
    #[must_use]
    pub fn wide(&self) -> u64 {
        i64::from(self.imm) as u64
    }
}

/// A register: an index that is never outside.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[rustfmt::skip]
pub enum Register { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10 }

#[rustfmt::skip]
const REGISTERS: [Register; isa::REGISTERS] = {
    use Register::*;
    [R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10]
};

/// Values of registers.
pub type Registers = [u64; isa::REGISTERS];

impl Register {
    fn new(number: u8) -> Self {
        let register = REGISTERS.get(usize::from(number));
        register.copied().unwrap_or(Self::R10)
    }
}

static END: Op = Op {
    step: |_, _| At::END,
    imm: 0,
    off: 0,
    dst: Register::R0,
    src: Register::R0,
};

/// A place among the instructions of a program, or the end.
///
/// Invariant: it is an instruction of the program that runs, or [`At::END`]. What makes places keeps
/// that, as [`crate::check`] does for jumps and for the last instruction.
#[derive(Clone, Copy)]
pub struct At(*const Op);

impl At {
    /// The run ends, or waits: an instruction that leads to itself.
    pub const END: Self = Self(&END);

    /// The first instruction of a program. A program has one.
    #[inline(always)]
    #[must_use]
    pub fn first(ops: &Ops) -> Self {
        Self(ops.ops.as_ptr())
    }

    /// The instruction of that number; the end if there is none.
    #[must_use]
    pub fn number(ops: &Ops, number: u32) -> Self {
        ops.ops.get(number as usize).map_or(Self::END, |_| {
            Self(ops.ops.as_ptr().wrapping_add(number as usize))
        })
    }

    /// The number of this instruction.
    #[must_use]
    pub fn number_in(self, ops: &Ops) -> u32 {
        let bytes = (self.0 as usize).wrapping_sub(ops.ops.as_ptr() as usize);
        (bytes / size_of::<Op>()) as u32
    }

    /// Whether it is the end.
    #[inline(always)]
    #[must_use]
    pub fn is_end(self) -> bool {
        core::ptr::eq(self.0, &END)
    }

    /// The next instruction. The last one of a function is `exit` or a jump and does not ask.
    #[inline(always)]
    #[must_use]
    pub fn next(self) -> Self {
        self.jump(0)
    }

    /// Whether the loop goes on from here even after a step that could go on itself: so for one of four.
    #[inline(always)]
    #[must_use]
    pub fn pauses(self) -> bool {
        self.0 as usize & (3 * size_of::<Op>()) == 0
    }

    /// So many behind the next instruction, as [`crate::check`] found to be inside the program.
    #[inline(always)]
    #[must_use]
    pub fn jump(self, by: i32) -> Self {
        Self(self.0.wrapping_offset(by as isize + 1))
    }
}

impl Deref for At {
    type Target = Op;

    #[inline(always)]
    fn deref(&self) -> &Op {
        // SAFETY: the invariant: it is an instruction of the program that runs, which outlives the run, or the end, which
        // is always there. A program is checked before there are ops of it.
        unsafe { &*self.0 }
    }
}
