//! What the overlay needs of a kernel.

use uio_console::record::{LogLine, Memory, Task};

/// What a kernel gives to the overlay. Implemented by the glue, and by a fake for host tests.
pub trait Platform: Sync + 'static {
    /// The lock that guards state shared with other tasks. It must be safe against pre-emption by
    /// a task of higher priority: in a kernel it disables interrupts while it is held. The overlay
    /// holds it for a few dozen instructions at most and never while it calls out.
    type RawMutex: lock_api::RawMutex + Send + Sync;

    /// What the image says of itself.
    fn image(&self) -> &Image;

    /// Microseconds since boot.
    fn since_boot_us(&self) -> u64;

    /// Microseconds since the epoch.
    fn now_us(&self) -> u64;

    /// Cores that are online.
    fn cores(&self) -> u16;

    /// Calls `each` with every task; stops when it returns false.
    fn tasks(&self, each: &mut dyn FnMut(&Task<'_>) -> bool);

    /// The guest's memory; [`Memory::programs`] is left 0 and filled in by the overlay, which adds
    /// what it holds itself to [`Memory::overlay`] (stacks and devices' memory are the kernel's to
    /// count).
    fn memory(&self) -> Memory;

    /// Calls `each` with the lines of the kernel's log from line number `from` on that the ring
    /// still holds, oldest first; stops when it returns false.
    fn log(&self, from: u64, each: &mut dyn FnMut(&LogLine<'_>) -> bool);

    /// Copies memory at a virtual address, if all of it is mapped normal memory.
    ///
    /// # Errors
    /// The first address that cannot be read.
    fn read_memory(&self, address: u64, out: &mut [u8]) -> Result<(), u64>;

    /// Runs the application's handler for `signal` on the calling task; false when it has none.
    fn signal(&self, signal: i32) -> bool;

    /// Starts a task that calls the engine's worker entry with `worker`; false when the
    /// kernel cannot. Workers run below the overlay task and above the application. A number is
    /// used again as soon as its last task has nothing more to do with the engine, so that task
    /// may still be about to end.
    fn spawn_worker(&self, worker: usize) -> bool;

    /// Identifier of the calling task.
    fn current_task(&self) -> i32;

    /// Blocks the calling task until [`Self::wake`] was called for `event` since the last wait, or
    /// until `timeout_ms` has passed. Each event has at most one waiter. May return early.
    fn wait(&self, event: Event, timeout_ms: Option<u64>);

    /// Ends the wait for `event`, or the next one if nobody waits now. Never blocks; callable with
    /// a lock held.
    fn wake(&self, event: Event);

    /// Where eBPF programs run, if this kernel has that.
    #[cfg(feature = "bpf")]
    fn tracing(&self) -> Option<&'static dyn crate::bpf::Tracing> {
        None
    }
}

/// How many events there are: one a worker.
pub const EVENTS: usize = 17;

/// Something to wait for. Number `n < EVENTS` belongs to worker `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event(pub u8);

/// What the image says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// Version of the kernel.
    pub kernel: &'static str,
    /// Machine architecture, as in the target triple.
    pub arch: &'static str,
    /// Build id that the linker wrote; empty without one.
    pub build_id: &'static [u8],
    /// Features that are on, separated by spaces.
    pub features: &'static str,
    /// Address that the image was loaded to; the symbol index is relative to it.
    pub base: u64,
    /// Bytes from `base` to the end of the image.
    pub size: u64,
}
