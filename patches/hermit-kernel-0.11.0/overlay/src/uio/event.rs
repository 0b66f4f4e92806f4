//! Sleeping and waking for the overlay's tasks.

use hermit_sync::InterruptTicketMutex;

use super::quiet;
use crate::arch::core_local::core_scheduler;
use crate::arch::processor::get_timer_ticks;
use crate::scheduler::Sleeper;
use crate::scheduler::task::TaskHandle;

/// Something that one task of the overlay at a time waits for.
///
/// Unlike the kernel's semaphore it may be waited for with a time limit while it is woken from an
/// interrupt: a wake-up that finds the task no longer blocked is remembered instead of panicking.
pub(crate) struct Event {
	state: InterruptTicketMutex<State>,
}

struct State {
	pending: bool,
	waiter: Waiter,
}

#[derive(Clone, Copy)]
enum Waiter {
	Nobody,
	/// On core 0.
	Asleep(Sleeper),
	/// Elsewhere.
	Blocked(TaskHandle),
}

impl Event {
	pub(crate) const fn new() -> Self {
		Self {
			state: InterruptTicketMutex::new(State {
				pending: false,
				waiter: Waiter::Nobody,
			}),
		}
	}

	/// Blocks until [`Self::wake`] has been called since the last wait, or `timeout_ms` has passed.
	pub(crate) fn wait(&self, timeout_ms: Option<u64>) {
		let scheduler = core_scheduler();
		let mut state = self.state.lock();
		if !state.pending {
			state.waiter = match scheduler.uio_sleep(timeout_ms.map(until)) {
				Some(sleeper) => Waiter::Asleep(sleeper),
				None => {
					scheduler.block_current_task(timeout_ms.map(until));
					Waiter::Blocked(scheduler.get_current_task_handle())
				}
			};
			drop(state);
			quiet::reschedule();
			state = self.state.lock();
			state.waiter = Waiter::Nobody;
		}
		state.pending = false;
	}

	/// Ends the wait, or the next one when nobody waits now. Only on core 0, where every task of
	/// the overlay lives.
	pub(crate) fn wake(&self) {
		let mut state = self.state.lock();
		match state.signal() {
			Waiter::Nobody => {}
			Waiter::Asleep(sleeper) => core_scheduler().uio_rouse(sleeper),
			Waiter::Blocked(task) => core_scheduler().uio_wake(task),
		}
	}

	/// As [`Self::wake`], as the last act of an interrupt handler: who waits runs at once if nobody
	/// of higher priority does.
	pub(crate) fn wake_from_interrupt(&self) {
		let waiter = self.state.lock().signal();
		match waiter {
			Waiter::Nobody => {}
			Waiter::Asleep(sleeper) => core_scheduler().uio_switch_to(sleeper),
			Waiter::Blocked(task) => {
				core_scheduler().uio_wake(task);
				quiet::reschedule();
			}
		}
	}
}

impl State {
	fn signal(&mut self) -> Waiter {
		self.pending = true;
		core::mem::replace(&mut self.waiter, Waiter::Nobody)
	}
}

/// The time that is `timeout_ms` from now, as the scheduler takes it.
fn until(timeout_ms: u64) -> u64 {
	get_timer_ticks().saturating_add(timeout_ms.saturating_mul(1000))
}

/// How many tasks can wait for a semaphore at once; more of them look again every now and then.
const MAX_WAITERS: usize = 16;

/// A counting semaphore that starts at zero. Tasks of any core may wait, with a time limit.
pub(crate) struct Semaphore {
	state: InterruptTicketMutex<Count>,
}

struct Count {
	count: u32,
	waiters: heapless::Vec<TaskHandle, MAX_WAITERS>,
}

impl Semaphore {
	pub(crate) const fn new() -> Self {
		Self {
			state: InterruptTicketMutex::new(Count {
				count: 0,
				waiters: heapless::Vec::new(),
			}),
		}
	}

	/// Takes one, waiting for it if there is none. False when `timeout_ms` has passed before, or
	/// when too many wait and the caller has to look again.
	pub(crate) fn take(&self, timeout_ms: Option<u64>) -> bool {
		let scheduler = core_scheduler();
		let task = scheduler.get_current_task_handle();
		let until = timeout_ms.map(until);

		let mut state = self.state.lock();
		if state.count > 0 {
			state.count -= 1;
			return true;
		}
		let registered = state.waiters.push(task).is_ok();
		let until = if registered {
			until
		} else {
			Some(get_timer_ticks() + 1000)
		};
		scheduler.block_current_task(until);
		drop(state);
		quiet::reschedule();

		let mut state = self.state.lock();
		let waiting = state.waiters.iter().position(|waiter| *waiter == task);
		match waiting {
			Some(index) => {
				state.waiters.remove(index);
				false
			}
			None => registered,
		}
	}

	/// Gives one, to the task that waits longest if any does. Callable from an interrupt handler.
	pub(crate) fn give(&self) {
		let mut state = self.state.lock();
		if state.waiters.is_empty() {
			state.count = state.count.saturating_add(1);
		} else {
			let task = state.waiters.remove(0);
			core_scheduler().uio_wake(task);
		}
	}
}
