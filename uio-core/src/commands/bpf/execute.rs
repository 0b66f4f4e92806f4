//! Runs of executables: their memory, and the engines.
#![allow(
    unsafe_code,
    reason = "who starts a run answers for its stack, its context and its helpers"
)]

use alloc::vec::Vec;

use uio_bpf::helper::{Argument, Table};
use uio_bpf::interpreter::{Machine, release};
use uio_bpf::isa::{call, class, jump};
use uio_bpf::jit;
use uio_bpf::program::Program;
use uio_bpf::run::{End, Memory, Run, STACK_LEN, Stop as Why};

use crate::bpf::Tracing;
use crate::command::buffer;

/// Bytes that stacks and buffers are aligned to.
const ALIGN: usize = 16;

/// Instructions of the interpreter before anything else may happen on the core.
const SLICE: u64 = 20_000;

/// Memory of a program, aligned.
pub(super) struct Block {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
}

impl Block {
    /// So many bytes, zeroed; `None` without memory.
    pub(super) fn new(len: usize) -> Option<Self> {
        let bytes = buffer(len.checked_add(ALIGN)?).ok()?;
        let start = bytes.as_ptr().align_offset(ALIGN).min(ALIGN);
        Some(Self { bytes, start, len })
    }

    /// Them.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        self.bytes
            .get_mut(self.start..self.start + self.len)
            .unwrap_or_default()
    }
}

/// A program, and what a run of it needs.
pub(super) struct Execution<'a> {
    pub(super) program: &'a Program,
    pub(super) table: &'a Table<'a>,
    pub(super) tracing: &'a dyn Tracing,
    pub(super) budget: u64,
}

/// Whether helpers call functions of a program: such a call cannot be interrupted and gone on with.
pub(super) fn calls_back(program: &Program, table: &Table<'_>) -> bool {
    program.insns.iter().any(|insn| {
        let calls = insn.opcode == class::JMP | jump::CALL && insn.src() == call::HELPER;
        let helper = table.get(insn.imm as u32).filter(|_| calls);
        helper.is_some_and(|helper| helper.prototype.arguments.contains(&Argument::Function))
    })
}

/// Runs a program with that buffer. Under the interpreter, `between` is called after every slice of it, and ends the run
/// by returning false; `None` without memory for a stack.
pub(super) fn execute(
    execution: &Execution<'_>,
    context: &mut Block,
    between: &mut dyn FnMut() -> bool,
) -> Option<End> {
    let Execution {
        program,
        table,
        tracing,
        budget,
    } = *execution;
    let mut stack = Block::new(STACK_LEN)?;
    let context = context.bytes_mut();
    let len = context.len() as u64;
    let address = context.as_mut_ptr().expose_provenance() as u64;
    let memory = Memory {
        address,
        len,
        writable: true,
    };
    let stack = stack.bytes_mut().as_mut_ptr();
    let mut run = Run::new(program, memory, stack, table, tracing.host());
    let arguments = [address, len];
    if program.native.is_some() {
        let mut end = None;
        run.budget = i64::try_from(budget).unwrap_or(i64::MAX);
        tracing.guarded(&mut run, &mut |run| {
            // SAFETY: stack and context are the blocks, which nothing else uses meanwhile; the table is the one that
            // the program was checked with, or lacks helpers of it. Its faults are dealt with.
            end = Some(unsafe { jit::run(run, arguments) });
        });
        // A fault ended it, and the run says which.
        return end.or_else(|| {
            // SAFETY: as above.
            unsafe { release(&mut run) };
            let (why, at) = run.stop?;
            Some(End::Stopped { why, at })
        });
    }
    let slice = match calls_back(program, table) {
        true => budget,
        false => budget.min(SLICE),
    };
    let mut left = budget - slice;
    run.budget = slice as i64;
    // SAFETY: as above.
    let mut machine = unsafe { Machine::new(&mut run, arguments) };
    let end = loop {
        let mut end = None;
        tracing.quietly(&mut || {
            // SAFETY: as above; of the run, only the budget is changed.
            let slice = unsafe { machine.resume() };
            end = Some(slice);
        });
        match end? {
            End::Stopped { why: Why::Budget, at } if left == 0 || !between() => {
                let why = if left == 0 {
                    Why::Budget
                } else {
                    Why::Interrupted
                };
                break End::Stopped { why, at };
            }
            End::Stopped {
                why: Why::Budget, ..
            } => {
                let slice = left.min(SLICE);
                left -= slice;
                machine.run.budget += slice as i64;
            }
            end => break end,
        }
    };
    // SAFETY: as above.
    unsafe { release(&mut run) };
    Some(end)
}
