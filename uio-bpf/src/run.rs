//! One run of a program: what it may use, how it ends, and what the runtime needs of a kernel.
//!
//! What both engines do alike, beside what RFC 9669 says:
//! - Registers that the caller does not set are zero at first. A helper leaves registers 1 to 5 as they
//!   were; a function of the program leaves them as it has them, and gets 0 and 6 to 9 as its
//!   caller has them.
//! - A function finds zeros in its frame. Under compiled code that is so from the lowest address that
//!   the function names.
//! - The budget is charged where a run may go on without end, and before it goes there: a jump
//!   backwards that is taken costs the instructions from its target to itself, both included; a
//!   call of a function of the program (`CALL`, `CALLX`, or by a helper) costs the instructions of
//!   that function, and so does the start of a program, by a tail call too. A wide instruction
//!   counts as two. So a run never takes more than it was charged.

use serde::{Deserialize, Serialize};

use alloc::sync::Arc;

use crate::helper::Table;
use crate::isa::{FRAME_LEN, MAX_FRAMES, MAX_TAIL_CALLS};
use crate::program::Program;

/// Instructions that a run may take when nobody says otherwise.
pub const BUDGET: u64 = 1_000_000;

/// Bytes of stack that a run needs.
pub const STACK_LEN: usize = FRAME_LEN * MAX_FRAMES;

/// What the runtime needs of a kernel. Called while programs run, with interrupts off where a
/// program is attached; must not block.
pub trait Host: Sync {
    /// Nanoseconds since boot.
    fn now(&self) -> u64;

    /// The number of the calling core.
    fn core(&self) -> u32;

    /// How many cores there are; fixed once programs are loaded.
    fn cores(&self) -> u32;

    /// Identifier of the running task.
    fn task(&self) -> u32;

    /// Name of the running task: fills `out` from the start and gives the length.
    fn task_name(&self, out: &mut [u8]) -> usize;

    /// Copies memory at an address of the image or its data; false, and `out` is all zero, if not all of
    /// it can be read.
    fn read(&self, address: u64, out: &mut [u8]) -> bool;

    /// Return addresses of the running task from the innermost frame on, after leaving out `skip`:
    /// fills `out` from the start and gives how many. `run` tells where the program was called from.
    fn stack(&self, run: &Run<'_>, skip: u32, out: &mut [u64]) -> usize;

    /// Address of a symbol that was named when the program was loaded; 0 if there is none.
    fn symbol(&self, name: &[u8]) -> u64;

    /// Takes a line of `trace_printk`. Drops it when there is no room.
    fn print(&self, program: &Program, line: &[u8]);

    /// A number that nobody foresees.
    fn random(&self) -> u32;

    /// Something was written to the ring buffer; whoever reads it can go on.
    fn ring(&self, map: &crate::map::Map);
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself: register 0.
    Returned(u64),
    /// By the runtime.
    Stopped {
        /// Why.
        why: Stop,
        /// The instruction, by its number in the program; the nearest known one where the JIT ran it.
        at: u32,
    },
}

/// Why the runtime ended a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stop {
    /// It took more instructions than it may.
    Budget,
    /// An access outside what it may use.
    Access {
        /// Where.
        address: u64,
        /// How many bytes.
        len: u32,
        /// Whether it was to be written.
        write: bool,
    },
    /// An atomic access at an address that its size does not divide.
    Misaligned {
        /// Where.
        address: u64,
    },
    /// Functions called each other deeper than [`MAX_FRAMES`].
    Frames,
    /// `CALLX` of what is neither a function nor a helper.
    Callee {
        /// The register's value.
        value: u64,
    },
    /// An argument of a helper that is not what its prototype says.
    Argument {
        /// The helper's number.
        helper: u32,
        /// Which argument, from 1.
        argument: u8,
        /// Its value.
        value: u64,
    },
    /// A fault of compiled code.
    Fault {
        /// The exception's vector.
        vector: u8,
        /// The address of the access, for a page fault.
        address: u64,
    },
    /// The host wanted it to end.
    Interrupted,
}

/// A run, as the engines and helpers see it. The first fields are known to compiled code by their
/// offsets.
#[repr(C)]
pub struct Run<'a> {
    /// Instructions that it may still take; below zero it is ended.
    pub budget: i64,
    /// Where the native stack was when compiled code was entered: ending a run from anywhere goes back there.
    pub entry: u64,
    /// Set by what ends the run early; compiled code goes back to `entry` when it is not zero after a helper.
    pub leave: u64,
    /// Under compiled code: the instruction that ended the run early.
    pub at: u64,
    /// Under compiled code: what `CALLX` calls that is no function of the program.
    pub callee: u64,
    /// Under compiled code: the frame pointer of the function that called a helper, where the program has functions
    /// that helpers may call.
    pub frame_pointer: u64,
    /// Why it was ended early.
    pub stop: Option<(Stop, u32)>,
    /// The program that runs.
    pub program: &'a Program,
    /// The program that a tail call goes on with.
    pub next: Option<&'a Program>,
    /// Tail calls that are still allowed.
    pub tail_calls: u32,
    /// Functions that are active.
    pub frames: u32,
    /// The stack: [`STACK_LEN`] bytes, 16-byte aligned, used from its end downwards.
    pub stack: *mut u8,
    /// The context.
    pub context: Memory,
    /// Memory that helpers gave to the program and that it did not give back (ring buffer records, what an app's
    /// helper returned).
    pub granted: [Option<Memory>; GRANTS],
    /// The helpers that it may call.
    pub helpers: &'a Table<'a>,
    /// The kernel.
    pub host: &'a dyn Host,
    /// Where the program was attached: the native frame pointer of what called it, or 0.
    pub frame: u64,
    /// Under the interpreter: how many bytes below the frame pointer of each active function were used, so that they hold
    /// nothing of other functions and runs. By how many functions are active in it, from 1.
    pub used: [u16; MAX_FRAMES + 1],
    /// Under the interpreter: how many of `granted` the program has to give back.
    pub grants: u32,
    /// Whether compiled code runs, and not the interpreter.
    pub compiled: bool,
    /// The innermost addresses of what the program was called from (the function, its return address); 0 for none. The
    /// others are found from `frame` on.
    pub origin: [u64; 2],
    /// Programs that it went on in.
    pub held: Held,
}

impl<'a> Run<'a> {
    /// Before its first instruction: with [`BUDGET`], and nothing granted.
    #[inline(always)]
    #[must_use]
    pub fn new(
        program: &'a Program,
        context: Memory,
        stack: *mut u8,
        helpers: &'a Table<'a>,
        host: &'a dyn Host,
    ) -> Self {
        Self {
            budget: BUDGET as i64,
            entry: 0,
            leave: 0,
            at: 0,
            callee: 0,
            frame_pointer: 0,
            stop: None,
            program,
            next: None,
            tail_calls: MAX_TAIL_CALLS,
            frames: 1,
            stack,
            context,
            granted: [None; GRANTS],
            helpers,
            host,
            frame: 0,
            used: [0; MAX_FRAMES + 1],
            grants: 0,
            compiled: false,
            origin: [0; 2],
            held: Held([const { None }; 2]),
        }
    }
}

/// What keeps programs that a run went on in by tail calls: the one that runs, and the one that it goes on
/// in. A run is never the last that holds a program, see [`crate::map::Programs`].
pub struct Held([Option<Arc<Program>>; 2]);

impl Held {
    /// Holds a program, and lets go of the one before the last.
    pub fn keep(&mut self, program: Arc<Program>) {
        self.0.swap(0, 1);
        self.0[1] = Some(program);
    }
}

/// How many pieces of memory a program may hold at once.
pub const GRANTS: usize = 4;

/// A piece of memory that a program may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Memory {
    /// Where it begins.
    pub address: u64,
    /// Its length in bytes; 0 is no memory at all.
    pub len: u64,
    /// Whether it may be written.
    pub writable: bool,
}

impl Memory {
    /// No memory.
    pub const NONE: Self = Self {
        address: 0,
        len: 0,
        writable: false,
    };
}
