//! What an application may ask of the overlay (crate `uio-app`).

use core::ffi::{CStr, c_char};

use uio_core::files::{Error, Files};

use super::files::AllFiles;
use super::{signal, tasks};
use crate::arch::core_local::core_scheduler;
use crate::errno::{EINVAL, ENODEV};
use crate::fd::FileDescriptor;

/// Makes `handler` the handler of `signal`; null removes it. The handler runs on a worker of the
/// overlay, never on a task of the application.
#[unsafe(no_mangle)]
pub extern "C" fn sys_uio_on_signal(
	signal: i32,
	handler: Option<extern "C" fn(i32)>,
) -> i32 {
	if signal::register(signal, handler) {
		0
	} else {
		-EINVAL
	}
}

/// Names the calling task for `ps`.
///
/// # Safety
///
/// `name` must point to `len` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sys_uio_set_task_name(name: *const u8, len: usize) -> i32 {
	if name.is_null() {
		return -EINVAL;
	}
	// SAFETY: the caller's obligation.
	let name = unsafe { core::slice::from_raw_parts(name, len) };
	let Ok(name) = core::str::from_utf8(name) else {
		return -EINVAL;
	};
	tasks::set_name(core_scheduler().get_current_task_id().into(), name);
	0
}

/// Renames a file or directory; `-EXDEV` between file systems and in memory.
///
/// # Safety
///
/// Both must be strings with a closing zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sys_uio_rename(from: *const c_char, to: *const c_char) -> i32 {
	if from.is_null() || to.is_null() {
		return -EINVAL;
	}
	// SAFETY: the caller's obligation.
	let (from, to) = unsafe { (CStr::from_ptr(from), CStr::from_ptr(to)) };
	match AllFiles.rename(from.to_bytes(), to.to_bytes()) {
		Ok(()) => 0,
		Err(Error::Os(errno)) => -errno,
		Err(Error::NoShare) => -ENODEV,
	}
}

/// Sets the size of an open file of the share; `-EINVAL` for other files.
#[unsafe(no_mangle)]
pub extern "C" fn sys_uio_ftruncate(fd: FileDescriptor, len: i64) -> i32 {
	#[cfg(feature = "uio-virtio")]
	{
		super::virtio::share::truncate(fd, len)
	}
	#[cfg(not(feature = "uio-virtio"))]
	{
		let _ = (fd, len);
		-EINVAL
	}
}

/// Waits until what was written to an open file of the share is on the server's disk; other files
/// have no disk to wait for.
#[unsafe(no_mangle)]
pub extern "C" fn sys_uio_fsync(fd: FileDescriptor) -> i32 {
	#[cfg(feature = "uio-virtio")]
	{
		super::virtio::share::sync(fd)
	}
	#[cfg(not(feature = "uio-virtio"))]
	{
		let _ = fd;
		0
	}
}
