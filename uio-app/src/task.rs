//! The calling task, as the operator sees it.

use core::ffi::CStr;

use crate::{Error, sys};

/// Names the calling thread in the overlay's `ps`. The kernel copies the name and may cut it.
///
/// # Errors
///
/// [`Error::Off`] without the overlay; [`Error::Errno`] when the kernel has no room for a name.
///
/// ```
/// # use uio_app::Error;
/// std::thread::spawn(|| {
///     // Only for the operator's eyes: an error changes nothing.
///     let _ = uio_app::thread_name(c"worker");
/// });
/// ```
#[inline]
pub fn thread_name(name: &CStr) -> Result<(), Error> {
    sys::set_task_name(name.to_bytes())
}
