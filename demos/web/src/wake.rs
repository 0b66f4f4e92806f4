//! Waking the server's loop from another thread.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::sys;

/// A descriptor that becomes ready when another thread says so.
///
/// It is an `eventfd` in semaphore mode that is used once and then replaced. Hermit 0.11 remembers
/// every `poll` that ever waited on one, and a write wakes only the oldest of them; a write of many
/// in semaphore mode wakes as many. Replacing it also forgets them, so the server does that every
/// so often even when nothing woke it.
#[derive(Debug)]
pub struct Waker(Mutex<File>);

/// More than could ever wait.
const EVERYBODY: u64 = 1 << 20;

impl Waker {
    /// A waker that nobody has used.
    ///
    /// # Errors
    ///
    /// When there is no descriptor left.
    pub fn new() -> io::Result<Self> {
        sys::event().map(|event| Self(Mutex::new(event)))
    }

    /// What to poll for input. Valid until the next [`Waker::renew`].
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.event().as_raw_fd()
    }

    /// Ends the present or the next sleep of the loop. Whatever it is to find then must be in place
    /// before.
    pub fn wake(&self) {
        // Only fails when the counter is full, and then the loop is awake.
        let _ = self.event().write(&EVERYBODY.to_ne_bytes());
    }

    /// Makes the descriptor not ready again, by replacing it.
    ///
    /// # Errors
    ///
    /// When there is no descriptor left; the old one stays in use.
    pub fn renew(&self) -> io::Result<()> {
        let new = sys::event()?;
        *self.event() = new;
        Ok(())
    }

    /// The lock keeps a write from meeting another file that got the old descriptor's number.
    fn event(&self) -> MutexGuard<'_, File> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::Waker;
    use crate::sys::{Interest, poll};

    #[test]
    fn a_wake_is_seen_before_and_during_sleep_and_gone_after() {
        let waker = Arc::new(Waker::new().expect("a descriptor"));
        for _ in 0..3 {
            waker.wake();
            let mut interest = [Interest::new(waker.fd(), true, false)];
            poll(&mut interest).expect("it polls");
            assert!(interest[0].is_ready());
            waker.renew().expect("a descriptor");

            let other = Arc::clone(&waker);
            let thread = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(20));
                other.wake();
            });
            let mut interest = [Interest::new(waker.fd(), true, false)];
            poll(&mut interest).expect("it polls");
            assert!(interest[0].is_ready());
            thread.join().expect("it ends");
            waker.renew().expect("a descriptor");
        }
    }
}
