//! Signals from the operator.

use crate::sys::slot::Slot;
use crate::{Error, sys};

/// A signal that the operator can send with `uio exec NAME -- kill SIGNAL`.
///
/// The numbers are Linux' on x86-64, so that `kill 1` and `kill HUP` mean the same.
///
/// ```
/// use uio_app::Signal;
///
/// assert_eq!(Signal::Hup as i32, 1);
/// assert_eq!(Signal::from_number(15), Some(Signal::Term));
/// assert_eq!(Signal::from_number(9), None); // KILL cannot be caught
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
#[non_exhaustive]
pub enum Signal {
    /// Read the configuration again.
    Hup = 1,
    /// Interrupt.
    Int = 2,
    /// Quit.
    Quit = 3,
    /// For the application to define.
    Usr1 = 10,
    /// For the application to define.
    Usr2 = 12,
    /// A timer ran out.
    Alrm = 14,
    /// End in an orderly way.
    Term = 15,
    /// Go on after a stop.
    Cont = 18,
    /// Pause, in a way that can be undone.
    Tstp = 20,
    /// The terminal's size changed.
    Winch = 28,
}

/// Every signal there is, in the order of the slots below.
const ALL: [Signal; 10] = [
    Signal::Hup,
    Signal::Int,
    Signal::Quit,
    Signal::Usr1,
    Signal::Usr2,
    Signal::Alrm,
    Signal::Term,
    Signal::Cont,
    Signal::Tstp,
    Signal::Winch,
];

static HANDLERS: [Slot; ALL.len()] = [const { Slot::empty() }; ALL.len()];

impl Signal {
    /// The signal of that number, if an application can handle it.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        ALL.into_iter().find(|signal| *signal as i32 == number)
    }

    fn slot(self) -> Option<&'static Slot> {
        let index = ALL.iter().position(|signal| *signal == self)?;
        HANDLERS.get(index)
    }
}

/// Calls `handler` whenever the operator sends `signal`; replaces an earlier handler.
///
/// The handler runs on a worker task of the overlay, at any moment and at a higher priority than
/// the application, never on a task of the application itself. It must not take a lock that the
/// application holds for long, and had better do no more than set a flag or wake a thread.
///
/// # Errors
///
/// [`Error::Off`] without the overlay: no signal will ever come. [`Error::Errno`] when the kernel
/// has no room for another handler or does not know the signal.
///
/// ```
/// use std::sync::atomic::{AtomicBool, Ordering};
/// use uio_app::{Error, Signal};
///
/// static RELOAD: AtomicBool = AtomicBool::new(false);
///
/// # fn main() -> Result<(), Error> {
/// match uio_app::on_signal(Signal::Hup, |_| RELOAD.store(true, Ordering::Release)) {
///     Ok(()) | Err(Error::Off) => Ok(()),
///     Err(error) => Err(error),
/// }
/// # }
/// ```
pub fn on_signal(signal: Signal, handler: fn(Signal)) -> Result<(), Error> {
    if !cfg!(feature = "uio") {
        return Err(Error::Off);
    }
    if let Some(slot) = signal.slot() {
        // Before the kernel knows: it may deliver at once.
        slot.set(handler);
    }
    sys::on_signal(signal as i32, deliver)
}

/// What the kernel calls: finds the application's handler again.
pub(crate) extern "C" fn deliver(number: i32) {
    let Some(signal) = Signal::from_number(number) else {
        return;
    };
    if let Some(handler) = signal.slot().and_then(Slot::get) {
        handler(signal);
    }
}

#[cfg(all(test, feature = "uio"))]
mod tests {
    extern crate std;

    use core::sync::atomic::{AtomicI32, Ordering};
    use std::sync::Mutex;

    use super::{ALL, Signal, deliver, on_signal};

    static LAST: AtomicI32 = AtomicI32::new(0);
    /// The table of handlers is one for the process.
    static ALONE: Mutex<()> = Mutex::new(());

    fn remember(signal: Signal) {
        LAST.store(signal as i32, Ordering::SeqCst);
    }

    #[test]
    fn every_signal_reaches_the_handler_under_its_own_number() {
        let _alone = ALONE.lock();
        for signal in ALL {
            on_signal(signal, remember).expect("the host takes registrations");
            deliver(signal as i32);
            assert_eq!(LAST.load(Ordering::SeqCst), signal as i32);
        }
    }

    #[test]
    fn a_later_handler_replaces_the_earlier() {
        let _alone = ALONE.lock();
        on_signal(Signal::Usr1, remember).expect("the host takes registrations");
        on_signal(Signal::Usr1, |_| LAST.store(-1, Ordering::SeqCst)).expect("and again");
        deliver(Signal::Usr1 as i32);
        assert_eq!(LAST.load(Ordering::SeqCst), -1);
    }

    #[test]
    fn unknown_numbers_are_ignored() {
        let _alone = ALONE.lock();
        LAST.store(77, Ordering::SeqCst);
        for number in [i32::MIN, -1, 0, 9, 64, i32::MAX] {
            deliver(number);
        }
        assert_eq!(LAST.load(Ordering::SeqCst), 77);
    }
}
