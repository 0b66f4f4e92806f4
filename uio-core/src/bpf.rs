//! What the overlay needs of a kernel so that eBPF programs run in it: places to attach them to, and what they ask
//! of it while they run.

mod kept;

use alloc::boxed::Box;
use alloc::sync::Arc;

use uio_bpf::helper::Table;
use uio_bpf::program::Program;
use uio_bpf::run::{Host, Run, Stop};

pub(crate) use kept::{Kept, with};

use crate::isolation::Region;

/// What a kernel gives to eBPF programs. Implemented by the glue, and by a fake for host tests.
pub trait Tracing: Sync {
    /// What programs ask of the kernel.
    fn host(&self) -> &'static dyn Host;

    /// The helpers that programs may call: the runtime's, and the application's.
    fn helpers(&self) -> Table<'static>;

    /// Calls `each` with every static probe of the application.
    fn probes(&self, each: &mut dyn FnMut(&ProbeInfo<'_>));

    /// Attaches a program; gives the number of the link. From then on every core runs it there, with at most `budget`
    /// instructions a run.
    ///
    /// # Errors
    /// [`AttachError`]; nothing has changed then.
    fn attach(
        &self,
        program: &Arc<Program>,
        to: Point<'_>,
        budget: u64,
    ) -> Result<u32, AttachError>;

    /// Detaches a link. When this returns its program does not run there any more. False if there is no such link.
    fn detach(&self, link: u32) -> bool;

    /// Calls `each` with every link, in the order in which they were made.
    fn links(&self, each: &mut dyn FnMut(&LinkInfo<'_>));

    /// Calls `work` in a way that no attached program runs on this core meanwhile, not even where `work` comes through a
    /// function that is traced: what programs share with it is taken by nobody else on this core. `work` is short.
    fn quietly(&self, work: &mut dyn FnMut());

    /// Zeroed memory for compiled code; sealed, its text is executed by the kernel. `None` without memory.
    fn allocate(&self, bytes: usize) -> Option<Box<dyn Region>>;

    /// Copies what programs printed, from byte number `from` on. How many bytes, and the number of the first: a later
    /// one if what was there has made room.
    fn printed(&self, from: u64, out: &mut [u8]) -> (usize, u64);

    /// Runs `work`, which runs compiled code for `run`; faults of that code end it.
    fn guarded(&self, run: &mut Run<'_>, work: &mut dyn FnMut(&mut Run<'_>));
}

/// What a program is attached to.
#[derive(Clone, Copy, Debug)]
pub enum Point<'a> {
    /// Functions, by their addresses; at their entry or exit, as the program's type says.
    Functions(&'a [u64]),
    /// Functions without sites, by their addresses and the lengths of their first instructions: at a breakpoint. What the
    /// host says of an instruction is believed.
    Breakpoints(&'a [(u64, u8)]),
    /// A probe of the application, by its name.
    Probe(&'a str),
    /// The timer: every so many microseconds.
    Timer(u64),
}

/// Why a program was not attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachError {
    /// There is no function with a site at this address.
    NoSite(u64),
    /// The end of a handler of interrupts cannot be traced.
    Handler(u64),
    /// There is no such probe.
    NoProbe,
    /// A program of that type is not attached like that.
    Kind,
    /// There is no memory left.
    Memory,
}

/// What is told of a link.
#[derive(Clone, Copy)]
pub struct LinkInfo<'a> {
    /// Its number.
    pub id: u32,
    /// Its program.
    pub program: &'a Arc<Program>,
    /// What the program is attached to.
    pub to: Point<'a>,
    /// How often the program ran.
    pub runs: u64,
    /// How many of these runs the runtime ended.
    pub stopped: u64,
    /// Why it ended the last of them, and at which instruction.
    pub last: Option<(Stop, u32)>,
}

/// A static probe of the application.
#[derive(Clone, Copy, Debug)]
pub struct ProbeInfo<'a> {
    /// Its name.
    pub name: &'static str,
    /// Bytes of its structure.
    pub size: u32,
    /// Whether what programs return is looked at.
    pub decides: bool,
    /// What the structure consists of.
    pub fields: &'a [FieldInfo],
}

/// A field of a probe's structure.
#[derive(Clone, Copy, Debug)]
pub struct FieldInfo {
    /// Its name.
    pub name: &'static str,
    /// Where it begins, in bytes.
    pub offset: u32,
    /// Its length in bytes.
    pub size: u32,
    /// 0 for an unsigned integer, 1 for a signed one, 2 for bytes (`uio_app::FieldKind`).
    pub kind: u32,
}
