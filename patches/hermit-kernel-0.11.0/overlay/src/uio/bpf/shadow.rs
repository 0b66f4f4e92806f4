//! Functions that are under way and whose end is traced.
//!
//! Where such a function's return address was, [`super::entry::exit`] stands. Here is what was there, by
//! the place on the stack, which belongs to one call of one task as long as the call lasts. A call
//! that never returns keeps its place here until another has the same place on the stack.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use uio_bpf::kind::FunctionEntry;

use super::entry;

/// How many calls can be under way.
const CALLS: usize = 1024;

/// How far from its best place a call is kept.
const REACH: usize = 16;

/// A call under way.
struct Call {
	/// Where its return address was on the stack; 0 for none.
	slot: AtomicU64,
	/// The return address.
	back: u64,
	/// The function's key in the table.
	key: u64,
	/// As it was entered.
	entry: FunctionEntry,
	/// When, in cycles.
	since: u64,
}

static TABLE: AtomicPtr<Call> = AtomicPtr::new(ptr::null_mut());

/// Makes room, once; false without memory.
pub(super) fn prepare() -> bool {
	if !TABLE.load(Ordering::Acquire).is_null() {
		return true;
	}
	let mut calls: Vec<Call> = Vec::new();
	if calls.try_reserve_exact(CALLS).is_err() {
		return false;
	}
	calls.resize_with(CALLS, || Call {
		slot: AtomicU64::new(0),
		back: 0,
		key: 0,
		entry: FunctionEntry::default(),
		since: 0,
	});
	let table = Box::into_raw(calls.into_boxed_slice()).cast::<Call>();
	TABLE.store(table, Ordering::Release);
	true
}

/// The places where a call with that slot may be.
fn places(slot: u64) -> impl Iterator<Item = *mut Call> {
	let table = TABLE.load(Ordering::Acquire);
	let first = (slot >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54;
	(0..REACH).map_while(move |step| {
		if table.is_null() {
			return None;
		}
		// SAFETY: the table has that many entries, and is never freed.
		Some(unsafe { table.add((first as usize + step) % CALLS) })
	})
}

/// Notes a call whose return address is in `slot`; false when there is no room, and the call's end is not to be seen.
/// `back` is what is in the slot.
///
/// A function can end by a jump to another, which then has the same slot: there `exit` is in it already, and both calls end
/// when the second does.
pub(super) fn note(slot: u64, back: u64, key: u64, entry: &FunctionEntry, since: u64) -> bool {
	let jumped_to = back == entry::exit as *const () as u64;
	let mut back = back;
	if jumped_to {
		let Some(before) = self::back(slot) else {
			return false;
		};
		back = before;
	} else {
		// A call that never returned.
		while take(slot).is_some() {}
	}
	// SAFETY: entries are there for ever, and this field is atomic.
	let free = places(slot).find(|&place| unsafe {
		(*place)
			.slot
			.compare_exchange(0, slot, Ordering::AcqRel, Ordering::Relaxed)
			.is_ok()
	});
	let Some(place) = free else {
		return false;
	};
	// SAFETY: the entry is this call's: only who runs on this stack knows its slot, and that is this
	// core with interrupts off.
	unsafe {
		(&raw mut (*place).back).write(back);
		(&raw mut (*place).key).write(key);
		(&raw mut (*place).entry).write(*entry);
		(&raw mut (*place).since).write(since);
	}
	true
}

/// A call that has ended.
#[derive(Clone, Copy)]
pub(super) struct Ended {
	/// Its return address.
	pub(super) back: u64,
	/// The function's key in the table.
	pub(super) key: u64,
	/// As it was entered.
	pub(super) entry: FunctionEntry,
	/// When, in cycles.
	pub(super) since: u64,
}

/// Takes the last call that has its return address in `slot`.
pub(super) fn take(slot: u64) -> Option<Ended> {
	let mut last: Option<(*mut Call, Ended)> = None;
	for place in all(slot) {
		// SAFETY: as in `note`.
		let call = unsafe {
			Ended {
				back: (*place).back,
				key: (*place).key,
				entry: (*place).entry,
				since: (*place).since,
			}
		};
		if last.is_none_or(|(_, other)| call.since >= other.since) {
			last = Some((place, call));
		}
	}
	let (place, call) = last?;
	// SAFETY: entries are there for ever, and this field is atomic.
	unsafe { &(*place).slot }.store(0, Ordering::Release);
	Some(call)
}

/// The return address that was in `slot`.
pub(super) fn back(slot: u64) -> Option<u64> {
	let place = all(slot).next()?;
	// SAFETY: as in `note`; another task's entry does not change while that does not run.
	Some(unsafe { (*place).back })
}

/// The calls that have their return address there.
fn all(slot: u64) -> impl Iterator<Item = *mut Call> {
	// SAFETY: entries are there for ever, and this field is atomic.
	places(slot).filter(move |&place| unsafe { (*place).slot.load(Ordering::Acquire) } == slot)
}
