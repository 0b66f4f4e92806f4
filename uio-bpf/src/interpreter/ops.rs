//! A program for the interpreter.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::op::{Op, Step};
use super::{access, arithmetic, calls, jump};
use crate::helper::{APPLICATION, Table};
use crate::isa::{self, Insn, class};
use crate::program::Function;

/// A program for the interpreter: what to do, one by one.
pub struct Ops(pub(super) Box<[Op]>);

impl Ops {
    /// Of a program that was checked and whose wide instructions are resolved.
    #[must_use]
    pub(crate) fn new(insns: &[Insn], functions: &[Function], helpers: &Table<'_>) -> Self {
        let mut ops = Vec::with_capacity(insns.len());
        for (at, &insn) in insns.iter().enumerate() {
            let mut op = Op::new(insn, step(insn));
            if insn.opcode == class::JMP | isa::jump::CALL {
                op.off = callee(insn, at, functions, helpers) as i16;
                let helper = match insn.src() {
                    isa::call::HELPER => helpers.own.get(usize::from(op.off as u16)),
                    _ => None,
                };
                let called = helper.filter(|helper| helper.id == insn.imm as u32);
                if let Some(step) = called.and_then(calls::for_helper) {
                    op.step = step;
                }
            }
            ops.push(op);
        }
        Self(ops.into_boxed_slice())
    }

    /// Bytes of memory that they take.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

/// What the offset of a call says: the length of a function, or the place of a helper in its table.
fn callee(insn: Insn, at: usize, functions: &[Function], helpers: &Table<'_>) -> u16 {
    if insn.src() == isa::call::LOCAL {
        let start = (at as i64 + 1 + i64::from(insn.imm)) as u32;
        let number = functions.partition_point(|function| function.start < start);
        // A function that another one calls is not the whole of a program: 16 bits are enough.
        return functions
            .get(number)
            .map_or(0, |function| (function.end - function.start) as u16);
    }
    let id = insn.imm as u32;
    if id >= APPLICATION {
        return 0;
    }
    helpers.own.partition_point(|helper| helper.id < id) as u16
}

/// The second half of a wide instruction has a step too, which is never taken.
fn step(insn: Insn) -> Step {
    match insn.class() {
        class::LD | class::LDX | class::ST | class::STX => access::step(insn),
        class::ALU | class::ALU64 => arithmetic::step(insn),
        class::JMP if matches!(insn.opcode & 0xf0, isa::jump::CALL | isa::jump::EXIT) => {
            calls::step(insn)
        }
        _ => jump::step(insn),
    }
}
