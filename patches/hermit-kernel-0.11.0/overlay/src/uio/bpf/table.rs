//! Which programs run at which function: a table that is never changed, only replaced.
//!
//! A core reads it with interrupts off and marked as busy ([`super::entry::BUSY`]). Who replaces it waits until
//! each core was seen without that mark: from then on no core knows the old table.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering, fence};

use super::entry::BUSY;
use super::link::Link;
use super::points;

/// What runs at a function.
#[derive(Default)]
pub(super) struct Function {
	/// What its site says of where it is; 0 for an unused place in the table.
	address: u64,
	/// Its address.
	pub(super) real: u64,
	pub(super) entry: Vec<Arc<Link>>,
	pub(super) exit: Vec<Arc<Link>>,
	/// Calls whose end was not seen since there was no room to note them.
	pub(super) missed: AtomicU64,
}

/// Functions by address: open addressing, at most half full.
pub(super) struct Table {
	shift: u32,
	places: Box<[Function]>,
}

static CURRENT: AtomicPtr<Table> = AtomicPtr::new(ptr::null_mut());

/// What runs at a function. On a busy core.
pub(super) fn find(address: u64) -> Option<&'static Function> {
	let table = CURRENT.load(Ordering::Acquire);
	// SAFETY: the table lives at least as long as this core is busy.
	unsafe { table.as_ref() }?.find(address)
}

impl Table {
	fn find(&self, address: u64) -> Option<&Function> {
		let mask = self.places.len() - 1;
		let mut at = place(address, self.shift);
		loop {
			let function = self.places.get(at & mask)?;
			if function.address == address {
				return Some(function);
			}
			if function.address == 0 {
				return None;
			}
			at += 1;
		}
	}

	/// The table for these links; `None` without memory, or for no links at all.
	pub(super) fn of(links: &[Arc<Link>]) -> Result<Option<Box<Self>>, NoMemory> {
		let count: usize = links.iter().map(|link| link.functions().len()).sum();
		if count == 0 {
			return Ok(None);
		}
		let len = (count * 2).next_power_of_two().max(2);
		let mut places: Vec<Function> = Vec::new();
		places.try_reserve_exact(len).map_err(|_| NoMemory)?;
		places.resize_with(len, Function::default);
		let shift = u64::BITS - len.trailing_zeros();
		for link in links {
			for &address in link.functions() {
				let mut at = place(address, shift) & (len - 1);
				let function = loop {
					match places.get(at) {
						Some(held) if held.address == 0 || held.address == address => break at,
						_ => at = (at + 1) & (len - 1),
					}
				};
				let Some(function) = places.get_mut(function) else {
					continue;
				};
				function.address = address;
				function.real = points::real(address);
				let programs = if link.at_exit() { &mut function.exit } else { &mut function.entry };
				programs.try_reserve_exact(1).map_err(|_| NoMemory)?;
				programs.push(link.clone());
			}
		}
		let places = places.into_boxed_slice();
		Ok(Some(Box::new(Self { shift, places })))
	}
}

/// There is no memory left.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoMemory;

fn place(address: u64, shift: u32) -> usize {
	(address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> shift) as usize
}

/// Puts another table in place, and frees the one before when no core reads it any more. With the lock
/// of attachments held, by a core that is not busy.
pub(super) fn replace(new: Option<Box<Table>>) {
	let new = new.map_or(ptr::null_mut(), Box::into_raw);
	let old = CURRENT.swap(new, Ordering::AcqRel);
	settle();
	if !old.is_null() {
		// SAFETY: it came from a box, and no core can have it any more.
		drop(unsafe { Box::from_raw(old) });
	}
}

/// Waits until every core was seen without a run in progress.
pub(super) fn settle() {
	fence(Ordering::SeqCst);
	for busy in &BUSY {
		while busy.0.load(Ordering::Acquire) != 0 {
			core::hint::spin_loop();
		}
	}
}
