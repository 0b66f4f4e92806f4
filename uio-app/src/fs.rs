//! What `std::fs` answers with "unsupported" on Hermit, and the overlay can do.
//!
//! These work on the share at `/uio`. On the RAM file system a rename is `EXDEV` and a new length
//! `EINVAL`; there is no disk to wait for.

use core::ffi::CStr;

use crate::{Error, sys};

/// Gives a file or directory another name, and replaces what had it, in one step.
///
/// # Errors
///
/// [`Error::Off`] without the overlay. [`Error::Errno`] with the file system's reason, for instance
/// `ENOENT` (2), `EXDEV` (18) when the two are on different file systems, `ENOSYS` (38) when the
/// file system cannot rename.
///
/// ```
/// use uio_app::{Error, fs};
///
/// match fs::rename(c"/var/log/access.log.new", c"/var/log/access.log") {
///     Ok(()) => {}
///     // Without the overlay: remove the old one and create it anew.
///     Err(Error::Off) => {}
///     Err(error) => eprintln!("{error}"),
/// }
/// ```
#[inline]
pub fn rename(from: &CStr, to: &CStr) -> Result<(), Error> {
    sys::rename(from, to)
}

/// Cuts the open file `fd` to `len` bytes, or extends it with zeros.
///
/// # Errors
///
/// [`Error::Off`] without the overlay. [`Error::Errno`] with the file system's reason, and `EINVAL`
/// (22) for a length above `i64::MAX`.
///
/// ```
/// # #[cfg(unix)]
/// # fn main() -> std::io::Result<()> {
/// use std::os::fd::AsRawFd;
/// use uio_app::{Error, fs};
///
/// let file = std::fs::File::open("/proc/self/exe")?;
/// if let Err(Error::Errno(errno)) = fs::set_len(file.as_raw_fd(), 0) {
///     eprintln!("cannot cut the file: errno {errno}");
/// }
/// # Ok(())
/// # }
/// # #[cfg(not(unix))]
/// # fn main() {}
/// ```
#[inline]
pub fn set_len(fd: i32, len: u64) -> Result<(), Error> {
    if !cfg!(feature = "uio") {
        return Err(Error::Off);
    }
    match i64::try_from(len) {
        Ok(len) => sys::ftruncate(fd, len),
        Err(_) => Err(Error::Errno(22)),
    }
}

/// Returns once everything written to the open file `fd` is where it will survive a crash of the
/// virtual machine: for a file on the share, on the host.
///
/// # Errors
///
/// [`Error::Off`] without the overlay. [`Error::Errno`] with the file system's reason.
///
/// ```
/// # #[cfg(unix)]
/// # fn main() -> std::io::Result<()> {
/// use std::os::fd::AsRawFd;
/// use uio_app::{Error, fs};
///
/// let file = std::fs::File::open("/proc/self/exe")?;
/// if let Err(Error::Errno(errno)) = fs::sync(file.as_raw_fd()) {
///     eprintln!("the host did not take the data: errno {errno}");
/// }
/// # Ok(())
/// # }
/// # #[cfg(not(unix))]
/// # fn main() {}
/// ```
#[inline]
pub fn sync(fd: i32) -> Result<(), Error> {
    sys::fsync(fd)
}

#[cfg(all(test, not(target_os = "hermit")))]
mod tests {
    use super::{rename, set_len, sync};
    use crate::Error;

    #[test]
    fn nothing_is_done_where_there_is_no_overlay() {
        assert_eq!(rename(c"/a", c"/b"), Err(Error::Off));
        assert_eq!(sync(0), Err(Error::Off));
        assert_eq!(set_len(0, 0), Err(Error::Off));
    }

    #[cfg(feature = "uio")]
    #[test]
    fn a_length_that_no_file_has_is_refused_before_the_kernel_sees_it() {
        assert_eq!(set_len(0, u64::MAX), Err(Error::Errno(22)));
    }
}
