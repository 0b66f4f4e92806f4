//! Where programs live and how they run. The one seam behind which machine code becomes callable.

use alloc::boxed::Box;

/// Places programs in memory and runs them.
pub trait Isolation: Sync {
    /// How programs are isolated: `none`, `pku`, `pks`.
    fn name(&self) -> &'static str;

    /// Zeroed memory for a program's image: at least `bytes`, page-aligned, within 2 GiB of the
    /// kernel image's text. `None` when there is none left.
    fn allocate(&self, bytes: usize) -> Option<Box<dyn Region>>;

    /// Address of a function of the programs' interface (`uio_write`, …), which every program may
    /// call whatever the image's symbols are.
    fn interface(&self, name: &[u8]) -> Option<u64>;

    /// Runs a program on the calling task, which belongs to worker `worker`: its constructors, then
    /// `main`, then its destructors. Returns when it has ended by itself, by `uio_exit` or by a
    /// fault.
    ///
    /// `argv` holds the arguments, each with its closing zero.
    fn run(&self, worker: usize, program: Entry<'_>, argv: &[u8]) -> End;

    /// Ends the program that worker `worker` runs, if it is at an instruction in `within` (its
    /// text); a program that is inside something it called sees the interrupt when that returns.
    /// Called on the overlay task.
    fn interrupt(&self, worker: usize, within: core::ops::Range<u64>);
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
    fn seal(&mut self, text: core::ops::Range<usize>, constants: core::ops::Range<usize>);
}

/// What to call in a loaded program, all of it addresses inside its sealed region.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// `int main(int argc, char **argv)`.
    pub main: u64,
    /// Constructors (`.init_array`), in the order to call them.
    pub init: &'a [u64],
    /// Destructors (`.fini_array`), in the order to call them.
    pub fini: &'a [u64],
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// `main` returned, or the program called `uio_exit`.
    Exited(i32),
    /// A fault ended it.
    Fault {
        /// Exception vector (Intel SDM volume 3, table 6-1) or the architecture's own number.
        vector: u8,
        /// Address of the instruction.
        instruction: u64,
        /// Address of the access, where the fault has one.
        access: u64,
    },
    /// It was interrupted.
    Interrupted,
}
