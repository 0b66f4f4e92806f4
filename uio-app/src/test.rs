//! The kernel's part, for an application's tests on the host.

/// Delivers `signal` to the handler that [`on_signal`](crate::on_signal) registered, on the calling
/// thread; does nothing when there is none.
///
/// ```
/// # use std::sync::atomic::{AtomicBool, Ordering};
/// use uio_app::Signal;
///
/// static SEEN: AtomicBool = AtomicBool::new(false);
///
/// if uio_app::on_signal(Signal::Usr2, |_| SEEN.store(true, Ordering::SeqCst)).is_ok() {
///     uio_app::test::raise(Signal::Usr2);
///     assert!(SEEN.load(Ordering::SeqCst));
/// }
/// ```
pub fn raise(signal: crate::Signal) {
    crate::signal::deliver(signal as i32);
}
