//! Waking the loop in time.
//!
//! The loop's `poll` has no time-out (see [`sys`](crate::sys)); the thread of [`control`](crate::control)
//! wakes it. That thread looks at the time at long intervals, which is exact enough for time-outs. Requests
//! that are held back want better: for them the loop tells it to look earlier.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::Thread;
use std::time::Duration;

/// How often to look at the time while there are connections, in milliseconds. Time-outs are kept as
/// exactly.
const TICK_MS: u64 = 250;
/// How often without, in milliseconds.
const IDLE_TICK_MS: u64 = 1_000;
/// No time at all.
pub(crate) const NEVER: u64 = u64::MAX;

/// When the loop is to be woken. Times are in its clock's milliseconds.
#[derive(Debug)]
pub(crate) struct Alarm {
    /// When the loop has to look at the time, give or take a tick.
    deadline: AtomicU64,
    /// When it has to, exactly.
    exact: AtomicU64,
    /// When the thread that wakes it will look next, if nobody unparks it.
    look: AtomicU64,
    thread: OnceLock<Thread>,
}

impl Alarm {
    pub(crate) fn new() -> Self {
        Self {
            deadline: AtomicU64::new(NEVER),
            exact: AtomicU64::new(NEVER),
            look: AtomicU64::new(NEVER),
            thread: OnceLock::new(),
        }
    }

    /// The loop wants to be woken at `deadline`, or a tick later, and at `exact`.
    pub(crate) fn set(&self, deadline: u64, exact: u64) {
        self.deadline.store(deadline, Ordering::Release);
        if self.exact.load(Ordering::Relaxed) != exact {
            self.exact.store(exact, Ordering::SeqCst);
        }
        if exact < self.look.load(Ordering::SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// `thread` is the one that calls [`Alarm::look`].
    pub(crate) fn attend(&self, thread: Thread) {
        // A second one would be unparked for nothing, and the first one goes on.
        let _ = self.thread.set(thread);
    }

    /// Whether to wake the loop at `now`, and how long to park after that.
    pub(crate) fn look(&self, now: u64) -> (bool, Duration) {
        // Whoever sets a time after it is read below sees this, and unparks; one set before is read.
        self.look.store(NEVER, Ordering::SeqCst);
        let exact = self.exact.load(Ordering::SeqCst);
        let deadline = self.deadline.load(Ordering::Acquire);
        let tick = if deadline.min(exact) == NEVER {
            IDLE_TICK_MS
        } else {
            TICK_MS
        };
        // One that is over is the loop's turn now, which sets another one.
        let pause = match exact.saturating_sub(now) {
            0 => tick,
            left => left.min(tick),
        };
        self.look.store(now.saturating_add(pause), Ordering::SeqCst);
        (deadline.min(exact) <= now, Duration::from_millis(pause))
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::{Duration, Instant};

    use super::{Alarm, NEVER};

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn time_outs_are_looked_for_at_ticks() {
        let alarm = Alarm::new();
        assert_eq!(alarm.look(10), (false, ms(1_000)));
        alarm.set(300, NEVER);
        assert_eq!(alarm.look(20), (false, ms(250)));
        assert_eq!(alarm.look(300), (true, ms(250)));
    }

    #[test]
    fn exact_times_are_kept_and_told_once() {
        let alarm = Alarm::new();
        alarm.set(300, 40);
        assert_eq!(alarm.look(20), (false, ms(20)));
        // The loop has not had its turn: no spinning until it has.
        assert_eq!(alarm.look(40), (true, ms(250)));
        alarm.set(900, 800);
        assert_eq!(alarm.look(41), (false, ms(250)));
    }

    #[test]
    fn an_earlier_time_interrupts_the_pause() {
        let alarm = Alarm::new();
        let (_, pause) = alarm.look(0);
        alarm.attend(thread::current());
        // After the next look anyway: nobody is unparked, and the pause is as long as it was.
        alarm.set(NEVER, 1_000);
        let start = Instant::now();
        thread::park_timeout(ms(30));
        assert!(start.elapsed() >= ms(30));
        alarm.set(NEVER, 999);
        let start = Instant::now();
        thread::park_timeout(pause);
        assert!(start.elapsed() < pause);
    }
}
