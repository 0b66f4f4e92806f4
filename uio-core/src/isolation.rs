//! Where programs live and how they run. The one seam behind which machine code becomes callable.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;

pub use uio_console::Policy;

/// Places programs in memory and runs them.
pub trait Isolation: Sync {
    /// How programs are isolated: `none`, `pku`, `pks`.
    fn name(&self) -> &'static str;

    /// Whether programs may run at all: not where the processor has no protection keys and nobody
    /// asked for `none` by its name.
    fn available(&self) -> bool;

    /// What sessions may do to the application at most, as it was fixed when the machine started.
    fn policy(&self) -> Policy;

    /// Zeroed memory for a program's image: at least `bytes`, page-aligned, within 2 GiB of the
    /// kernel image's text. `None` when there is none left.
    fn allocate(&self, bytes: usize) -> Option<Box<dyn Region>>;

    /// Address of a function of the programs' interface (`uio_call`, …), which every program may
    /// call whatever the image's symbols are.
    fn interface(&self, name: &[u8]) -> Option<u64>;

    /// The first instruction in `code`, at whatever byte it begins, that could undo the isolation
    /// and that nobody granted.
    fn forbidden(&self, code: &[u8]) -> Option<Forbidden>;

    /// Runs a program on the calling task, which belongs to worker `worker`: its constructors, then
    /// `main`, then its destructors. Returns when it has ended by itself, by `uio_exit`, by a
    /// fault or at its time limit.
    ///
    /// `argv` holds the arguments, each with its closing zero.
    fn run(&self, worker: usize, program: Entry<'_>, argv: &[u8], limits: &Limits) -> End;

    /// Ends the program that worker `worker` runs, if it is in code of its own; a program that is
    /// inside something it called sees the interrupt when that returns. Called on the overlay task.
    fn interrupt(&self, worker: usize);
}

/// Memory of a loaded program; freed when dropped.
pub trait Region: Send + Sync {
    /// Virtual address of its first byte.
    fn base(&self) -> u64;

    /// Its bytes, while it is being filled. Of a region that was sealed: its data alone, that is
    /// the bytes from the end of the constants on, which every run starts with afresh.
    fn bytes_mut(&mut self) -> &mut [u8];

    /// Ends the filling: from here on `text` (a range of offsets, whole pages) may be executed and
    /// not written, `constants` only read, the rest read and written, as far as the isolation in
    /// force can tell them apart.
    fn seal(&mut self, text: Range<usize>, constants: Range<usize>);
}

/// What to call in a loaded program, all of it addresses inside its sealed region.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// `int main(int argc, char **argv)`.
    pub main: u64,
    /// Constructors (`.init_array`), in the order to call them.
    pub init: &'a [u64],
    /// Destructors (`.fini_array`), in the order to call them.
    pub fini: &'a [u64],
    /// Its code.
    pub text: Range<u64>,
    /// Its data, which it alone may write.
    pub data: Range<u64>,
}

/// Within what bounds a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What it may do to the application.
    pub policy: Policy,
    /// Milliseconds after which it is ended; waiting for the client's bytes does not count.
    pub time_ms: Option<u64>,
    /// Percent of the core that it may use while the application has something to do.
    pub cpu_share: u8,
    /// Whether it runs only while the application has nothing to do.
    pub below: bool,
}

impl Limits {
    /// Milliseconds that a program may run if nobody says otherwise.
    pub const TIME_MS: u64 = 10_000;
    /// Percent of the core that a program may use if nobody says otherwise.
    pub const CPU_SHARE: u8 = 40;
}

/// An instruction that a program must not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forbidden {
    /// Offset of its first byte in the code.
    pub offset: usize,
    /// Bytes of it.
    pub len: u8,
    /// Name of its class, by which it can be granted.
    pub class: &'static str,
    /// How many bytes before it the instruction begins that has it inside; 0 if it is inside none.
    pub within: u8,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// `main` returned, or the program called `uio_exit`.
    Exited(i32),
    /// A fault ended it.
    Fault(Box<Fault>),
    /// It was interrupted.
    Interrupted,
    /// It came to its time limit.
    TimedOut,
    /// It was not started, for want of this.
    Lacking(Lack),
}

/// What a program needs to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Memory for its stack.
    Memory,
    /// One of so many protection keys, which other programs have now.
    Key(u16),
    /// Room for its arguments.
    Arguments,
}

/// A fault of a program, or of what it called through a gate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// Exception vector (Intel SDM volume 3, table 6-1) or the architecture's own number.
    pub vector: u8,
    /// Error code that came with it; 0 where the exception has none.
    pub code: u32,
    /// Address of the instruction.
    pub instruction: u64,
    /// Address of the access, where the fault has one.
    pub access: u64,
    /// The general registers, in the order of their numbers (rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi,
    /// r8 to r15); empty where they are not known.
    pub registers: Vec<u64>,
    /// The status flags.
    pub flags: u64,
    /// Return addresses, the innermost first.
    pub frames: Vec<u64>,
    /// Whether the fault was raised inside a function of the image that the program had called
    /// through a gate. The fault is that function's own.
    pub in_call: bool,
    /// Return addresses of the program below that call, the innermost first.
    pub caller: Vec<u64>,
}
