//! Types of programs, and the contexts that they see.

use serde::{Deserialize, Serialize};

/// What a program is for. Its type says what register 1 points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub enum Kind {
    /// Runs once, on request: register 1 has a buffer, register 2 its length.
    Executable,
    /// At the entry of functions: [`FunctionEntry`].
    Fentry,
    /// At the end of functions: [`FunctionExit`].
    Fexit,
    /// At a static probe of the application: the probe's own structure.
    Probe,
    /// At intervals: [`Tick`].
    Timer,
    /// At the entry of system calls (`sys_*`): [`FunctionEntry`].
    Syscall,
}

/// The context of [`Kind::Fentry`] and [`Kind::Syscall`].
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct FunctionEntry {
    /// Address of the function.
    pub function: u64,
    /// Its integer arguments in registers: rdi, rsi, rdx, rcx, r8, r9 (System V psABI, 3.2.3).
    pub arguments: [u64; 6],
    /// The stack pointer at its entry, where its return address is.
    pub stack: u64,
}

impl FunctionEntry {
    /// How many arguments it has.
    pub const ARGUMENTS: usize = 6;
}

/// The context of [`Kind::Fexit`].
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct FunctionExit {
    /// As the function was entered.
    pub entry: FunctionEntry,
    /// What it returned: rax.
    pub returned: u64,
    /// Nanoseconds since it was entered.
    pub duration: u64,
}

/// The context of [`Kind::Timer`].
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Tick {
    /// Nanoseconds since boot.
    pub now: u64,
    /// How often the program ran before.
    pub runs: u64,
    /// How many times it should have run and did not.
    pub missed: u64,
    /// Address of the instruction at which the timer came in between.
    pub instruction: u64,
}
