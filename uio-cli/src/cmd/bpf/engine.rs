//! Running a program in this process.
#![allow(
    unsafe_code,
    reason = "whoever starts a run answers for its stack and its context"
)]

use std::ptr;

use uio_bpf::helper::Table;
use uio_bpf::interpreter;
use uio_bpf::jit;
use uio_bpf::jit::host::Compiled;
use uio_bpf::program::Program;
use uio_bpf::run::{End, Host, Memory, Run, STACK_LEN};

/// The stack of a run.
#[repr(C, align(16))]
struct Stack([u8; STACK_LEN]);

/// What a run is given.
pub(super) struct Given<'a> {
    /// The context; the second register says its length.
    pub memory: &'a mut [u64],
    /// Bytes of the context, which may be less than there is room for.
    pub len: usize,
    /// Instructions that it may take.
    pub budget: u64,
    /// The helpers.
    pub helpers: &'a Table<'a>,
    /// What it finds in a kernel's place.
    pub host: &'a dyn Host,
}

/// How a run went.
pub(super) struct Outcome {
    /// How it ended.
    pub end: End,
    /// The name of the program that ran last: tail calls go on in others.
    pub last: String,
    /// Instructions that were charged.
    pub charged: u64,
}

/// A run under the interpreter.
pub(super) fn interpret<'a>(program: &'a Program, given: Given<'a>) -> Outcome {
    go(program, given, |run, arguments| {
        // SAFETY: `go` gave it the stack and the context, and the helpers are those of the check.
        unsafe { interpreter::run(run, arguments) }
    })
}

/// A run of compiled code, which whoever starts it trusts: what it may do wrong, it does to this process.
pub(super) fn native<'a>(program: &'a Compiled, given: Given<'a>) -> Outcome {
    go(program.program(), given, |run, arguments| {
        // SAFETY: as above; and the user trusts the program to access only what it may.
        unsafe { jit::run(run, arguments) }
    })
}

fn go<'a>(
    program: &'a Program,
    given: Given<'a>,
    engine: impl FnOnce(&mut Run<'a>, [u64; 2]) -> End,
) -> Outcome {
    let mut stack = Box::new(Stack([0; STACK_LEN]));
    let budget = i64::try_from(given.budget).unwrap_or(i64::MAX);
    let len = given.len.min(size_of_val(given.memory)) as u64;
    let address = match len {
        0 => 0,
        _ => given.memory.as_mut_ptr().expose_provenance() as u64,
    };
    let context = Memory {
        address,
        len,
        writable: true,
    };
    let stack = ptr::from_mut(&mut stack.0).cast();
    let mut run = Run::new(program, context, stack, given.helpers, given.host);
    run.budget = budget;
    let end = engine(&mut run, [address, len]);
    Outcome {
        end,
        last: run.program.name.to_string(),
        charged: budget.saturating_sub(run.budget).max(0).cast_unsigned(),
    }
}
