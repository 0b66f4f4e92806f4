//! Programs at intervals, run by the timer of core 0.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use uio_bpf::kind::Tick;

use super::entry::BUSY;
use super::link::Link;
use super::table::settle;
use super::fire;
use crate::arch::processor::get_timer_ticks;
use crate::uio::timer::{NEVER, look_at};

/// A program at intervals.
pub(super) struct Timer {
	pub(super) link: Arc<Link>,
	/// Microseconds between two runs.
	pub(super) period: u64,
	/// When it runs next, in microseconds since boot.
	next: AtomicU64,
	runs: AtomicU64,
	missed: AtomicU64,
}

/// All of them; never changed, only replaced.
static CURRENT: AtomicPtr<Vec<Arc<Timer>>> = AtomicPtr::new(ptr::null_mut());

impl Timer {
	pub(super) fn new(link: Arc<Link>, period: u64) -> Self {
		Self {
			link,
			period: period.max(1),
			next: AtomicU64::new(get_timer_ticks() + period),
			runs: AtomicU64::new(0),
			missed: AtomicU64::new(0),
		}
	}
}

/// Has these timers run from now on and no others. When this returns, none of those before runs any more. With the
/// lock of attachments held.
pub(super) fn publish(timers: &[Arc<Timer>]) {
	let new = Box::into_raw(Box::new(timers.to_vec()));
	let old = CURRENT.swap(new, Ordering::AcqRel);
	settle();
	if !old.is_null() {
		// SAFETY: it came from a box, and no core is busy with it any more.
		drop(unsafe { Box::from_raw(old) });
	}
	let first = timers.iter().map(|timer| timer.next.load(Ordering::Relaxed)).min();
	if let Some(first) = first {
		look_at(first);
	}
}

/// Runs what is due. Gives when something is due next. Called by the timer, on core 0, with interrupts off;
/// `instruction` and `frame` are where it came in between.
pub(in crate::uio) fn tick(now: u64, instruction: u64, frame: u64) -> u64 {
	if CURRENT.load(Ordering::Relaxed).is_null() {
		return NEVER;
	}
	let [busy, ..] = &BUSY;
	if busy.0.swap(1, Ordering::SeqCst) != 0 {
		// An interrupt of a core that runs a program cannot be.
		return NEVER;
	}
	let mut first = NEVER;
	// SAFETY: while this core is busy, what it reads here is not freed.
	let timers = unsafe { CURRENT.load(Ordering::Acquire).as_ref() };
	for timer in timers.into_iter().flatten() {
		let due = timer.next.load(Ordering::Relaxed);
		if now < due {
			first = first.min(due);
			continue;
		}
		let late = (now - due) / timer.period;
		let next = due + (late + 1) * timer.period;
		timer.next.store(next, Ordering::Relaxed);
		first = first.min(next);
		let mut tick = Tick {
			now: now.saturating_mul(1000),
			runs: timer.runs.fetch_add(1, Ordering::Relaxed),
			missed: timer.missed.fetch_add(late, Ordering::Relaxed) + late,
			instruction,
		};
		fire::run(&timer.link, fire::context(&mut tick), fire::Origin { at: [instruction, 0], frame });
	}
	busy.0.store(0, Ordering::Release);
	first
}
