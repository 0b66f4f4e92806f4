//! [`Platform`] without its type of lock, so that commands are compiled once and not per kernel.

use uio_console::record::{LogLine, Memory, Task};

use crate::platform::{Event, Image, Platform};

/// What [`Platform`] gives, as a trait object. Implemented for every platform.
pub trait System: Sync {
    /// See [`Platform::image`].
    fn image(&self) -> &Image;
    /// See [`Platform::since_boot_us`].
    fn since_boot_us(&self) -> u64;
    /// See [`Platform::now_us`].
    fn now_us(&self) -> u64;
    /// See [`Platform::cores`].
    fn cores(&self) -> u16;
    /// See [`Platform::tasks`].
    fn tasks(&self, each: &mut dyn FnMut(&Task<'_>) -> bool);
    /// See [`Platform::memory`].
    fn memory(&self) -> Memory;
    /// See [`Platform::log`].
    fn log(&self, from: u64, each: &mut dyn FnMut(&LogLine<'_>) -> bool);
    /// See [`Platform::read_memory`].
    ///
    /// # Errors
    /// The first address that cannot be read.
    fn read_memory(&self, address: u64, out: &mut [u8]) -> Result<(), u64>;
    /// See [`Platform::signal`].
    fn signal(&self, signal: i32) -> bool;
    /// See [`Platform::spawn_worker`].
    fn spawn_worker(&self, worker: usize) -> bool;
    /// See [`Platform::current_task`].
    fn current_task(&self) -> i32;
    /// See [`Platform::wait`].
    fn wait(&self, event: Event, timeout_ms: Option<u64>);
    /// See [`Platform::wake`].
    fn wake(&self, event: Event);
    /// See [`Platform::tracing`].
    #[cfg(feature = "bpf")]
    fn tracing(&self) -> Option<&'static dyn crate::bpf::Tracing>;
}

impl<P: Platform> System for P {
    fn image(&self) -> &Image {
        Platform::image(self)
    }
    fn since_boot_us(&self) -> u64 {
        Platform::since_boot_us(self)
    }
    fn now_us(&self) -> u64 {
        Platform::now_us(self)
    }
    fn cores(&self) -> u16 {
        Platform::cores(self)
    }
    fn tasks(&self, each: &mut dyn FnMut(&Task<'_>) -> bool) {
        Platform::tasks(self, each);
    }
    fn memory(&self) -> Memory {
        Platform::memory(self)
    }
    fn log(&self, from: u64, each: &mut dyn FnMut(&LogLine<'_>) -> bool) {
        Platform::log(self, from, each);
    }
    fn read_memory(&self, address: u64, out: &mut [u8]) -> Result<(), u64> {
        Platform::read_memory(self, address, out)
    }
    fn signal(&self, signal: i32) -> bool {
        Platform::signal(self, signal)
    }
    fn spawn_worker(&self, worker: usize) -> bool {
        Platform::spawn_worker(self, worker)
    }
    fn current_task(&self) -> i32 {
        Platform::current_task(self)
    }
    fn wait(&self, event: Event, timeout_ms: Option<u64>) {
        Platform::wait(self, event, timeout_ms);
    }
    fn wake(&self, event: Event) {
        Platform::wake(self, event);
    }
    #[cfg(feature = "bpf")]
    fn tracing(&self) -> Option<&'static dyn crate::bpf::Tracing> {
        Platform::tracing(self)
    }
}
