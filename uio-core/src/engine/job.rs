//! The request that a worker runs, as its command and the interface of programs use it.

use uio_console::RequestId;
use uio_console::wire::variant;

use super::{Core, locked};
use crate::command::Stop;
use crate::platform::Event;

/// `EINTR` of Linux: the request was interrupted, or its session has ended.
const EINTR: isize = 4;
/// `EBADF` of Linux: no such file descriptor.
const EBADF: isize = 9;

/// The request that a worker runs. All calls come from that worker's task, but for
/// [`Job::interrupted`], which any task may call.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    pub(super) core: &'a dyn Core,
    pub(super) worker: usize,
}

impl<'a> Job<'a> {
    pub(crate) fn new(core: &'a dyn Core, worker: usize) -> Self {
        Self { core, worker }
    }

    /// Writes `data` to standard output (`fd` 1) or standard error (2). Waits for credit and room.
    /// Returns how many bytes were written, all of them, or a negative Linux error number.
    #[must_use]
    pub fn write(&self, fd: i32, data: &[u8]) -> isize {
        let variant = match fd {
            1 => variant::STDOUT,
            2 => variant::STDERR,
            _ => return -EBADF,
        };
        match self.write_all(variant, data) {
            Ok(()) => isize::try_from(data.len()).unwrap_or(isize::MAX),
            Err(_) => -EINTR,
        }
    }

    /// Reads from standard input into `out`. Waits for at least one byte. Returns how many bytes
    /// came, 0 at the end, or a negative Linux error number.
    #[must_use]
    pub fn read(&self, out: &mut [u8]) -> isize {
        match self.read_some(out) {
            Ok(bytes) => isize::try_from(bytes).unwrap_or(isize::MAX),
            Err(_) => -EINTR,
        }
    }

    /// Sleeps; returns 0, or a negative Linux error number when interrupted before.
    #[must_use]
    pub fn sleep_ms(&self, ms: u64) -> isize {
        match self.sleep(ms) {
            Ok(()) => 0,
            Err(_) => -EINTR,
        }
    }

    /// Whether the request was interrupted, or its session has ended.
    #[must_use]
    pub fn interrupted(&self) -> bool {
        !locked(self.core, |state| {
            state
                .current(self.worker)
                .is_some_and(|slot| !slot.interrupted)
        })
    }

    /// The request's identifier; `None` when its session has ended.
    pub(crate) fn id(&self) -> Option<RequestId> {
        locked(self.core, |state| {
            state.current(self.worker).map(|slot| slot.id)
        })
    }

    pub(crate) fn sleep(&self, ms: u64) -> Result<(), Stop> {
        let system = self.core.system();
        let end = system
            .since_boot_us()
            .saturating_add(ms.saturating_mul(1000));
        loop {
            if self.interrupted() {
                return Err(Stop::Interrupted);
            }
            let now = system.since_boot_us();
            if now >= end {
                return Ok(());
            }
            let left_ms = (end - now).div_ceil(1000);
            system.wait(Event(self.worker as u8), Some(left_ms));
        }
    }
}
