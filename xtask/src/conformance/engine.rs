//! The engines, on this machine.
#![allow(unsafe_code, reason = "starting a run promises what its memory is")]

use anyhow::{Result, anyhow};
use uio_bpf::check::{Environment, check};
use uio_bpf::helper::{Argument, Helper, Prototype, Returned, Table, kinds};
use uio_bpf::interpreter;
use uio_bpf::isa::Insn;
use uio_bpf::jit::{self, host::Compiled};
use uio_bpf::kind::Kind;
use uio_bpf::map::Map;
use uio_bpf::program::Program;
use uio_bpf::run::{End, Host, Memory, Run, STACK_LEN, Stop};

/// What runs a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Engine {
    /// The interpreter.
    Interpreter,
    /// Compiled code.
    Jit,
}

/// What came of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Register 0 at its end.
    Returned(u64),
    /// It was not run, and why.
    Refused(String),
    /// It was ended, and why.
    Stopped(String),
}

/// A stack, aligned as runs need it.
#[repr(C, align(16))]
pub struct Stack(pub [u8; STACK_LEN]);

/// The helper of the suite.
const UNWIND: Helper<'_> = Helper {
    id: 5,
    name: "unwind",
    prototype: Prototype {
        arguments: [
            Argument::Anything,
            Argument::None,
            Argument::None,
            Argument::None,
            Argument::None,
        ],
        returns: Returned::Number,
    },
    doc: "Gives its argument; ends the program with 0 when that is 0.",
    kinds: kinds::ALL,
    call: unwind,
};

/// The helpers that cases may call.
pub const HELPERS: Table<'_> = Table {
    own: &[UNWIND],
    application: &[],
};

/// # Safety
/// `run` is the run that calls.
unsafe extern "sysv64" fn unwind(
    value: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    run: *mut Run<'_>,
) -> u64 {
    if value == 0 {
        // SAFETY: the engine hands over the run that calls, and does not use it meanwhile.
        let run = unsafe { &mut *run };
        run.stop = Some((Stop::Interrupted, 0));
        run.leave = 1;
    }
    value
}

impl Engine {
    /// Runs a program on memory that it may write.
    ///
    /// # Errors
    /// When the engine is not to be had here.
    pub fn run(self, code: &[Insn], memory: &[u8]) -> Result<Outcome> {
        let environment = Environment {
            maps: &[],
            variables: &[],
            helpers: &HELPERS,
        };
        let program = match check("case", Kind::Executable, code, &environment) {
            Ok(program) => program,
            Err(reject) => return Ok(Outcome::Refused(format!("{reject:?}"))),
        };
        let end = match self {
            Self::Interpreter => with_run(&program, memory, |run, arguments| {
                // SAFETY: `with_run` made the stack and the memory for this run alone.
                unsafe { interpreter::run(run, arguments) }
            }),
            Self::Jit => {
                let compiled = Compiled::new(program, &HELPERS);
                let compiled = compiled.map_err(|error| anyhow!("compile: {error:?}"))?;
                with_run(compiled.program(), memory, |run, arguments| {
                    // SAFETY: as above; that cases access only what they may, they are trusted with.
                    unsafe { jit::run(run, arguments) }
                })
            }
        };
        Ok(match end {
            End::Returned(value) => Outcome::Returned(value),
            End::Stopped {
                why: Stop::Interrupted,
                ..
            } => Outcome::Returned(0),
            End::Stopped { why, at } => Outcome::Stopped(format!("{why:?} at {at}")),
        })
    }
}

/// Makes a run, with a copy of the memory as its context.
fn with_run(
    program: &Program,
    memory: &[u8],
    go: impl FnOnce(&mut Run<'_>, [u64; 2]) -> End,
) -> End {
    let mut stack = Box::new(Stack([0xa5; STACK_LEN]));
    let mut memory = memory.to_vec();
    let context = match memory.len() {
        0 => Memory::NONE,
        len => Memory {
            address: memory.as_mut_ptr().expose_provenance() as u64,
            len: len as u64,
            writable: true,
        },
    };
    let place = (&raw mut *stack).cast::<u8>();
    place.expose_provenance();
    let mut run = Run::new(program, context, place, &HELPERS, &Nowhere);
    go(&mut run, [context.address, context.len])
}

/// No kernel: the helper here needs none.
pub struct Nowhere;

impl Host for Nowhere {
    fn now(&self) -> u64 {
        0
    }

    fn core(&self) -> u32 {
        0
    }

    fn cores(&self) -> u32 {
        1
    }

    fn task(&self) -> u32 {
        0
    }

    fn task_name(&self, _: &mut [u8]) -> usize {
        0
    }

    fn read(&self, _: u64, out: &mut [u8]) -> bool {
        out.fill(0);
        false
    }

    fn stack(&self, _: &Run<'_>, _: u32, _: &mut [u64]) -> usize {
        0
    }

    fn symbol(&self, _: &[u8]) -> u64 {
        0
    }

    fn print(&self, _: &Program, _: &[u8]) {}

    fn random(&self) -> u32 {
        0
    }

    fn ring(&self, _: &Map) {}
}
