//! Signals: handlers that the application registered.

use core::sync::atomic::{AtomicPtr, Ordering};
use core::{mem, ptr};

/// Signals are numbered from 1 to this (POSIX's numbers, Linux's values).
const MAX_SIGNAL: usize = 31;

/// A handler, called on a worker of the overlay with the number of the signal.
pub(super) type Handler = extern "C" fn(i32);

static HANDLERS: [AtomicPtr<()>; MAX_SIGNAL + 1] =
	[const { AtomicPtr::new(ptr::null_mut()) }; MAX_SIGNAL + 1];

fn slot(signal: i32) -> Option<&'static AtomicPtr<()>> {
	match usize::try_from(signal) {
		Ok(0) | Err(_) => None,
		Ok(index) => HANDLERS.get(index),
	}
}

/// Makes `handler` the handler of `signal`, or removes it; false when there is no such signal.
pub(super) fn register(signal: i32, handler: Option<Handler>) -> bool {
	let Some(slot) = slot(signal) else {
		return false;
	};
	let handler = handler.map_or(ptr::null_mut(), |handler| handler as *mut ());
	slot.store(handler, Ordering::Release);
	true
}

/// Calls the handler of `signal` on the calling task; false when there is none.
pub(super) fn raise(signal: i32) -> bool {
	let Some(handler) = slot(signal).map(|slot| slot.load(Ordering::Acquire)) else {
		return false;
	};
	if handler.is_null() {
		return false;
	}
	// SAFETY: only `register` writes to the slots, and what it writes there is a `Handler`.
	let handler = unsafe { mem::transmute::<*mut (), Handler>(handler) };
	handler(signal);
	true
}
