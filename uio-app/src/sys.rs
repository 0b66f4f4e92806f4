//! The kernel's side of this crate: the only file with `unsafe` calls.
//!
//! Every function exists in every build. Where the overlay is absent it says [`Error::Off`], and the
//! compiler removes the caller's other branch.
#![allow(unsafe_code)]

use core::ffi::CStr;

use crate::Error;

/// A signal handler as the kernel calls it.
pub(crate) type RawHandler = extern "C" fn(i32);

/// What the overlay's glue in the kernel exports to the application.
#[cfg(all(feature = "uio", target_os = "hermit"))]
mod kernel {
    use core::ffi::c_char;

    use super::RawHandler;

    unsafe extern "C" {
        pub(super) safe fn sys_uio_on_signal(signal: i32, handler: RawHandler) -> i32;
        pub(super) fn sys_uio_rename(from: *const c_char, to: *const c_char) -> i32;
        pub(super) safe fn sys_uio_ftruncate(fd: i32, len: i64) -> i32;
        pub(super) safe fn sys_uio_fsync(fd: i32) -> i32;
        pub(super) fn sys_uio_set_task_name(name: *const u8, len: usize) -> i32;
    }
}

/// The same names where the kernel has no overlay. Inlined, so that nothing of them is left.
#[cfg(not(all(feature = "uio", target_os = "hermit")))]
mod kernel {
    use core::ffi::c_char;

    use super::{Error, RawHandler};

    /// Marks "no overlay" in the place of a status; the kernel never returns it.
    pub(super) const ABSENT: Result<(), Error> = Err(Error::Off);

    #[inline(always)]
    pub(super) fn sys_uio_on_signal(_signal: i32, _handler: RawHandler) -> Result<(), Error> {
        // A host build with the overlay's feature on takes registrations, for `test::raise`.
        if cfg!(feature = "uio") {
            Ok(())
        } else {
            ABSENT
        }
    }

    #[inline(always)]
    pub(super) unsafe fn sys_uio_rename(
        _from: *const c_char,
        _to: *const c_char,
    ) -> Result<(), Error> {
        ABSENT
    }

    #[inline(always)]
    pub(super) fn sys_uio_ftruncate(_fd: i32, _len: i64) -> Result<(), Error> {
        ABSENT
    }

    #[inline(always)]
    pub(super) fn sys_uio_fsync(_fd: i32) -> Result<(), Error> {
        ABSENT
    }

    #[inline(always)]
    pub(super) unsafe fn sys_uio_set_task_name(_name: *const u8, _len: usize) -> Result<(), Error> {
        ABSENT
    }
}

/// Turns what either variant of `kernel` returns into a result.
trait Status {
    fn check(self) -> Result<(), Error>;
}

impl Status for Result<(), Error> {
    #[inline(always)]
    fn check(self) -> Result<(), Error> {
        self
    }
}

#[cfg(all(feature = "uio", target_os = "hermit"))]
impl Status for i32 {
    #[inline]
    fn check(self) -> Result<(), Error> {
        Error::check(self)
    }
}

#[inline]
pub(crate) fn on_signal(signal: i32, handler: RawHandler) -> Result<(), Error> {
    kernel::sys_uio_on_signal(signal, handler).check()
}

#[inline]
pub(crate) fn rename(from: &CStr, to: &CStr) -> Result<(), Error> {
    // SAFETY: both are NUL-terminated and live across the call; the kernel does not keep them.
    unsafe { kernel::sys_uio_rename(from.as_ptr(), to.as_ptr()) }.check()
}

#[inline]
pub(crate) fn ftruncate(fd: i32, len: i64) -> Result<(), Error> {
    kernel::sys_uio_ftruncate(fd, len).check()
}

#[inline]
pub(crate) fn fsync(fd: i32) -> Result<(), Error> {
    kernel::sys_uio_fsync(fd).check()
}

#[inline]
pub(crate) fn set_task_name(name: &[u8]) -> Result<(), Error> {
    // SAFETY: the pointer is valid for `len` bytes across the call; the kernel copies the name.
    unsafe { kernel::sys_uio_set_task_name(name.as_ptr(), name.len()) }.check()
}

/// A function pointer of this crate's handler type, kept in an atomic as its address.
pub(crate) mod slot {
    use core::sync::atomic::{AtomicPtr, Ordering};

    use crate::Signal;

    /// An application's handler, or none.
    pub(crate) struct Slot(AtomicPtr<()>);

    impl Slot {
        pub(crate) const fn empty() -> Self {
            Self(AtomicPtr::new(core::ptr::null_mut()))
        }

        pub(crate) fn set(&self, handler: fn(Signal)) {
            self.0.store(handler as *mut (), Ordering::Release);
        }

        pub(crate) fn get(&self) -> Option<fn(Signal)> {
            let address = self.0.load(Ordering::Acquire);
            if address.is_null() {
                return None;
            }
            // SAFETY: only `set` stores something that is not null, and it stores exactly a
            // `fn(Signal)`.
            Some(unsafe { core::mem::transmute::<*mut (), fn(Signal)>(address) })
        }
    }
}
