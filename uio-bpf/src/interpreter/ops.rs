//! A program for the interpreter.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::op::{Op, Step};
use super::{access, arithmetic, calls, jump};
use crate::check::{Why, memory};
use crate::helper::{APPLICATION, Table};
use crate::isa::{self, Insn, class};
use crate::program::Function;

/// A program for the interpreter: what to do, one by one.
pub struct Ops {
    /// Not empty, as programs are not.
    pub(super) ops: Box<[Op]>,
    /// What starting the program costs: the instructions of its first function.
    pub(super) first_cost: u32,
}

impl Ops {
    /// Of a program that was checked and whose wide instructions are resolved.
    ///
    /// # Errors
    /// [`Why::Memory`].
    #[inline(never)]
    pub(crate) fn new(
        insns: &[Insn],
        functions: &[Function],
        helpers: &Table<'_>,
    ) -> Result<Self, Why> {
        let mut changing = memory::list(functions.len())?;
        for function in functions {
            changing.push(code(insns, function).iter().any(changes_kept));
        }
        let mut ops: Vec<Op> = memory::list(insns.len())?;
        for (function, &changing_here) in functions.iter().zip(&changing) {
            for &insn in code(insns, function) {
                let mut op = Op::new(insn, step(insn));
                if insn.opcode == EXIT && !changing_here {
                    op.step = calls::exit_unchanged;
                } else if insn.opcode == CALL && insn.src() == isa::call::LOCAL {
                    let number = callee(insn, ops.len(), functions);
                    // A function that another one calls is not the whole of a program: 16 bits are enough.
                    op.off = functions
                        .get(number)
                        .map_or(0, |to| (to.end - to.start) as u16)
                        as i16;
                    if changing.get(number) == Some(&false) {
                        op.step = calls::local_unchanged;
                    }
                } else if insn.opcode == CALL {
                    call_helper(&mut op, helpers);
                }
                ops.push(op);
            }
        }
        Ok(Self {
            ops: ops.into_boxed_slice(),
            first_cost: functions.first().map_or(0, |first| first.end),
        })
    }

    /// Bytes of memory that they take.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.ops)
    }
}

const CALL: u8 = class::JMP | isa::jump::CALL;

const EXIT: u8 = class::JMP | isa::jump::EXIT;

/// The instructions of a function.
fn code<'a>(insns: &'a [Insn], function: &Function) -> &'a [Insn] {
    let range = function.start as usize..function.end as usize;
    insns.get(range).unwrap_or_default()
}

/// Whether the instruction changes one of registers 6 to 9, which functions keep for their callers. Those that it may
/// change count.
fn changes_kept(insn: &Insn) -> bool {
    let changed = match insn.class() {
        class::LD | class::LDX | class::ALU | class::ALU64 => insn.dst(),
        // Atomics that fetch.
        class::STX => insn.src(),
        _ => return false,
    };
    (6..10).contains(&changed)
}

/// The number of the function that a call names.
fn callee(insn: Insn, at: usize, functions: &[Function]) -> usize {
    let start = (at as i64 + 1 + i64::from(insn.imm)) as u32;
    functions.partition_point(|function| function.start < start)
}

/// The offset of a call of a helper of the runtime is its place in the table.
fn call_helper(op: &mut Op, helpers: &Table<'_>) {
    let id = op.imm as u32;
    if id >= APPLICATION {
        return;
    }
    let place = helpers.own.partition_point(|helper| helper.id < id);
    op.off = place as u16 as i16;
    if let Some(step) = helpers.own.get(place).and_then(calls::for_helper) {
        op.step = step;
    }
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
