//! Time.

use core::time::Duration;

use crate::{Error, Result, sys};

/// Time since the guest booted, in microseconds at best.
#[must_use]
pub fn since_boot() -> Duration {
    Duration::from_micros(sys::clock_us())
}

/// Time since the epoch, 1970-01-01 00:00 UTC, as the guest's clock has it.
#[must_use]
pub fn now() -> Duration {
    Duration::from_micros(sys::now_us())
}

/// Sleeps for at least so long, in whole milliseconds.
///
/// # Errors
/// [`Error::Interrupted`] when the request was interrupted, at once then.
pub fn sleep(duration: Duration) -> Result<()> {
    let ms = duration.as_nanos().div_ceil(1_000_000);
    let ms = u64::try_from(ms).unwrap_or(u64::MAX);
    Error::check(sys::sleep_ms(ms)).map(|_| ())
}

/// Lets others run.
pub fn yield_now() {
    sys::yield_now();
}
