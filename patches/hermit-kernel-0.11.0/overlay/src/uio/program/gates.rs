//! What programs may ask to be done to the application: calls, writes, signals. Each is checked
//! against the session's policy.

use core::ptr;

use super::exports;
use super::interface::{call, errno};
use super::run::Run;
use crate::errno::{EFAULT, EPERM, ESRCH};
use crate::uio::platform::readable;
use crate::uio::signal;

use uio_core::isolation::{End, Policy};

/// What `uio_gate_call` gives: the function's value, or why it was not called.
#[repr(C)]
pub(super) struct Called {
	value: u64,
	error: i64,
}

type Function = extern "C" fn(u64, u64, u64, u64, u64) -> u64;

/// `uio_gate_call` without keys; with them it is `uio_mpk::gate::GATE`.
pub(super) extern "C" fn uio_gate_call(a: u64, b: u64, c: u64, d: u64, e: u64, function: u64) -> Called {
	let refused = |errno: i32| Called {
		value: 0,
		error: -i64::from(errno),
	};
	let Some((_, run)) = Run::current() else {
		return refused(EPERM);
	};
	if let Err(errno) = exports::may_call(run.policy(), function) {
		return refused(errno);
	}
	let address = ptr::with_exposed_provenance::<()>(function as usize);
	// SAFETY: the policy allows to call this code of the image; that its arguments fit is the
	// program's and its operator's responsibility, who chose the policy.
	let callee = unsafe { core::mem::transmute::<*const (), Function>(address) };
	run.set_called(function);
	let value = callee(a, b, c, d, e);
	run.set_called(0);
	if run.is_ending() {
		run.leave(End::TimedOut);
	}
	Called { value, error: 0 }
}

/// `uio_gate_write`
pub(super) extern "C" fn uio_gate_write(to: *mut u8, from: *const u8, len: usize) -> isize {
	call(&mut |run, _| {
		if let Err(error) = exports::may_write(run.policy(), to.addr() as u64, len as u64) {
			return errno(error);
		}
		if readable(from.addr() as u64, len as u64).is_err() {
			return errno(EFAULT);
		}
		// SAFETY: both ranges are mapped, the target writable; the policy allows to write there.
		unsafe { write(to, from, len) };
		0
	})
}

/// Copies bytes. What has the size and alignment of an integer is written at once, so that the
/// application may read it with an atomic load.
///
/// # Safety
///
/// Both ranges must be mapped, and the target writable.
unsafe fn write(to: *mut u8, from: *const u8, len: usize) {
	macro_rules! at_once {
		($($int:ty)*) => { $(
			if len == size_of::<$int>() && to.cast::<$int>().is_aligned() {
				// SAFETY: the caller's obligation; it is aligned, as just checked.
				unsafe { to.cast::<$int>().write_volatile(from.cast::<$int>().read_unaligned()) };
				return;
			}
		)* };
	}
	at_once!(u8 u16 u32 u64);
	// SAFETY: the caller's obligation.
	unsafe { ptr::copy(from, to, len) };
}

/// `uio_gate_read`: reads whatever is mapped, as far as it is.
pub(super) extern "C" fn uio_gate_read(to: *mut u8, from: *const u8, len: usize) -> isize {
	call(&mut |run, _| {
		if !run.may_write(to.addr(), len) {
			return errno(EFAULT);
		}
		let len = match readable(from.addr() as u64, len as u64) {
			Ok(()) => len,
			Err(end) => (end as usize).saturating_sub(from.addr()),
		};
		if len == 0 {
			return errno(EFAULT);
		}
		// SAFETY: both ranges are mapped, and the target is the program's. What other tasks do to
		// the source meanwhile shows in the bytes, byte by byte.
		unsafe {
			for offset in 0..len {
				to.add(offset).write_volatile(from.add(offset).read_volatile());
			}
		}
		len as isize
	})
}

/// `uio_signal`: runs the application's handler for a signal.
pub(super) extern "C" fn uio_signal(number: i32) -> isize {
	call(&mut |run, _| {
		if run.policy() < Policy::Control {
			return errno(EPERM);
		}
		if signal::raise(number) { 0 } else { errno(ESRCH) }
	})
}
