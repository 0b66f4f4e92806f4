//! The one error type of this crate.

use core::fmt;

/// Why a call into the overlay did not do what was asked.
///
/// ```
/// use uio_app::{Error, Signal, on_signal};
///
/// match on_signal(Signal::Hup, |_| {}) {
///     Ok(()) => {}
///     // Built without the overlay: nobody will ever send a signal, which is fine.
///     Err(Error::Off) => {}
///     Err(Error::Errno(errno)) => eprintln!("signals are refused: errno {errno}"),
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// There is no overlay in this image, or this is not Hermit.
    Off,
    /// The kernel refused; the number is positive and one of Linux' `errno` values.
    Errno(i32),
}

impl Error {
    /// What a system call's return value says: zero and above is success, below it is `-errno`.
    ///
    /// # Errors
    ///
    /// [`Error::Errno`] for a negative `status`.
    #[cfg_attr(
        not(any(test, all(feature = "uio", target_os = "hermit"))),
        expect(dead_code, reason = "only the kernel returns such a status")
    )]
    pub(crate) const fn check(status: i32) -> Result<(), Self> {
        if status < 0 {
            Err(Self::Errno(status.saturating_neg()))
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => out.write_str("built without the uio overlay; enable the feature `uio`"),
            Self::Errno(errno) => write!(out, "the overlay refused the call: errno {errno}"),
        }
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn a_status_is_a_success_or_a_positive_errno() {
        assert_eq!(Error::check(0), Ok(()));
        assert_eq!(Error::check(7), Ok(()));
        assert_eq!(Error::check(-2), Err(Error::Errno(2)));
        assert_eq!(Error::check(i32::MIN), Err(Error::Errno(i32::MAX)));
    }
}
