//! Time limits, and the application's share of the core, kept by the timer whatever programs do.
//!
//! While a program runs, the core's timer looks at it every millisecond. A program above the
//! application runs there as long as it has credit, which grows with its share of the time that
//! passes; without credit it runs below the application, that is in the time that the application
//! leaves.

use core::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use hermit_sync::without_interrupts;

use super::run::{Run, runs};
use crate::arch::core_local::core_scheduler;
use crate::arch::processor::get_timer_ticks;
use crate::scheduler::PerCoreSchedulerExt;
use crate::scheduler::task::Priority;
use crate::uio::tasks::WORKER_PRIO;
use crate::uio::timer::{NEVER, look_at};

/// Priority of a program that must not keep the application waiting: below its default.
const LOW_PRIO: Priority = Priority::from(1);

/// Microseconds between two looks at programs that compute.
const SLICE: u64 = 1000;

/// Microseconds between two looks at programs that wait.
const REST: u64 = 20 * SLICE;

/// Microseconds that programs may still run above the application; less than 0 after they ran there
/// for longer than they might.
static CREDIT: AtomicI64 = AtomicI64::new(SLICE as i64);

/// Whether programs run above the application now.
static ABOVE: AtomicBool = AtomicBool::new(true);

/// When programs were last looked at.
static LAST: AtomicU64 = AtomicU64::new(0);

/// Looks at every program that runs. Gives the time of the next look. Called by the timer.
pub(in crate::uio) fn tick(now: u64) -> u64 {
	let current: i32 = core_scheduler().get_current_task_id().into();
	let mut share = 100;
	let mut ran = false;
	let mut some = false;
	for run in active() {
		some = true;
		ran |= run.task() == current;
		share = share.min(run.watched.share());
		if now >= run.watched.deadline() {
			run.expire();
		}
	}
	if !some {
		return NEVER;
	}
	// A look may come late, by as much as the monitor had other things to do.
	let passed = (now - LAST.swap(now, Ordering::Relaxed).min(now)).min(REST);
	let earned = (passed * u64::from(share) / 100) as i64;
	let before = CREDIT.load(Ordering::Relaxed) + earned;
	let after = match (ran, ABOVE.load(Ordering::Relaxed)) {
		(false, _) => before,
		(true, true) => before - passed as i64,
		// What the application leaves is free, but nothing is saved up there.
		(true, false) => before.min(0),
	};
	let credit = after.clamp(-(REST as i64), 2 * SLICE as i64);
	CREDIT.store(credit, Ordering::Relaxed);
	let may_be_above = credit >= SLICE as i64;
	ABOVE.store(may_be_above, Ordering::Relaxed);
	let mut computing = false;
	for run in active() {
		let in_call = run.in_call();
		// What was called is the application's own code, and ends when it wants.
		let ending = run.is_ending() && !in_call;
		let above = ending || may_be_above && (!run.watched.below() || in_call);
		let prio = if above { WORKER_PRIO } else { LOW_PRIO };
		computing |= core_scheduler().uio_set_priority(run.task(), &[LOW_PRIO, WORKER_PRIO], prio);
	}
	now + if computing { SLICE } else { REST }
}

/// The runs that are in progress.
fn active() -> impl Iterator<Item = &'static Run> {
	runs().iter().filter(|run| run.task() != 0)
}

/// Has a program watched from now on, which the current task is about to enter.
pub(super) fn begin(below: bool) {
	look_at(get_timer_ticks() + SLICE);
	if below {
		without_interrupts(|| core_scheduler().uio_set_current_priority(LOW_PRIO));
		core_scheduler().reschedule();
	}
}

/// Called when the program of the current task has ended, or is about to wait.
pub(super) fn raise() {
	without_interrupts(|| core_scheduler().uio_set_current_priority(WORKER_PRIO));
}

/// Called when the program of the current task goes on after it waited.
pub(super) fn go_on() {
	look_at(get_timer_ticks() + SLICE);
}

/// Lets a program that is to end go on to do so.
pub(super) fn hurry(task: i32) {
	without_interrupts(|| {
		core_scheduler().uio_set_priority(task, &[LOW_PRIO], WORKER_PRIO);
	});
}

/// Bounds of a run, as the timer reads them.
pub(super) struct Watched {
	/// When the program is ended, in microseconds since boot.
	deadline: AtomicU64,
	/// Percent of the core that it may have, and 256 if it runs below the application.
	share: AtomicU64,
}

const BELOW: u64 = 256;

impl Watched {
	pub(super) const fn new() -> Self {
		Self {
			deadline: AtomicU64::new(NEVER),
			share: AtomicU64::new(0),
		}
	}

	/// Sets the bounds of a run that begins now.
	pub(super) fn set(&self, time_ms: Option<u64>, share: u8, below: bool) {
		let deadline = time_ms.map_or(NEVER, |ms| {
			get_timer_ticks().saturating_add(ms.saturating_mul(1000))
		});
		self.deadline.store(deadline, Ordering::Relaxed);
		let below = if below { BELOW } else { 0 };
		self.share.store(u64::from(share.clamp(1, 100)) | below, Ordering::Relaxed);
	}

	pub(super) fn deadline(&self) -> u64 {
		self.deadline.load(Ordering::Relaxed)
	}

	fn share(&self) -> u8 {
		self.share.load(Ordering::Relaxed) as u8
	}

	pub(super) fn below(&self) -> bool {
		self.share.load(Ordering::Relaxed) & BELOW != 0
	}

	/// Calls `wait`, the time of which does not count.
	pub(super) fn paused<T>(&self, wait: impl FnOnce() -> T) -> T {
		let deadline = self.deadline.swap(NEVER, Ordering::Relaxed);
		if deadline == NEVER {
			return wait();
		}
		let from = get_timer_ticks();
		let result = wait();
		let waited = get_timer_ticks().saturating_sub(from);
		self.deadline
			.store(deadline.saturating_add(waited), Ordering::Relaxed);
		result
	}
}
