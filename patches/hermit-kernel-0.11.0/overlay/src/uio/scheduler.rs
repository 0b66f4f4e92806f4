//! What the overlay asks of a core's scheduler. A child module of `scheduler`, whose fields it
//! reads.
//!
//! A task of the overlay that waits on core 0 is kept here and not in the queue of
//! blocked tasks, and a task that an interrupt wakes is switched to at once: neither allocates, and
//! neither looks through what the application has blocked.

use alloc::rc::Rc;
#[cfg(feature = "uio-mpk")]
use core::arch::asm;
use core::cell::RefCell;
use core::ops::Range;
use core::ptr;

use hermit_sync::{InterruptTicketMutex, without_interrupts};

use super::task::{Priority, Task, TaskHandle, TaskId, TaskStatus};
use super::{PerCoreScheduler, WAITING_TASKS};
#[cfg(feature = "uio-mpk")]
use crate::arch::kernel::processor::{FPUState, supports_avx};
use crate::arch::kernel::scheduler::TaskStacks;
use crate::arch::switch::{switch_to_fpu_owner, switch_to_task};
use crate::uio::timer::{NEVER, look_at};

/// How many tasks can be asleep at once: the overlay task and its workers.
const MAX_ASLEEP: usize = uio_core::platform::EVENTS + 1;

/// Where a task can be asleep.
struct Bed {
	task: Option<Rc<RefCell<Task>>>,
	/// When it is to be woken at the latest, in microseconds since boot.
	until: u64,
	/// How often somebody slept here.
	turn: u8,
}

/// The tasks that are asleep.
struct Asleep([Bed; MAX_ASLEEP]);

// SAFETY: only core 0 touches what is in here, with interrupts off.
unsafe impl Send for Asleep {}

static ASLEEP: InterruptTicketMutex<Asleep> =
	InterruptTicketMutex::new(Asleep(
		[const {
			Bed {
				task: None,
				until: NEVER,
				turn: 0,
			}
		}; MAX_ASLEEP],
	));

/// Whether a task with this identifier has not ended.
pub(crate) fn uio_is_alive(id: i32) -> bool {
	WAITING_TASKS.lock().contains_key(&TaskId::from(id))
}

/// A task that is or was asleep.
#[derive(Clone, Copy)]
pub(crate) struct Sleeper {
	place: u8,
	turn: u8,
}

impl PerCoreScheduler {
	/// Calls `each` with every task of this core. Interrupts stay off meanwhile.
	pub(crate) fn uio_tasks(&self, each: &mut dyn FnMut(&Task)) {
		without_interrupts(|| {
			each(&self.current_task.borrow());
			self.ready_queue.uio_each(each);
			self.blocked_tasks.uio_each(each);
			if self.core() == 0 {
				for task in ASLEEP.lock().0.iter().flat_map(|bed| &bed.task) {
					each(&task.borrow());
				}
			}
			if self.idle_task.borrow().id != self.current_task.borrow().id {
				each(&self.idle_task.borrow());
			}
		});
	}

	fn core(&self) -> u32 {
		self.idle_task.borrow().core_id
	}

	/// Puts the current task to sleep, on core 0, until it is roused or that time has come; it goes on
	/// running until the next switch. `None` when it has to be blocked in the usual way. To be called
	/// with interrupts off.
	pub(crate) fn uio_sleep(&mut self, until: Option<u64>) -> Option<Sleeper> {
		if self.core() != 0 {
			return None;
		}
		let mut asleep = ASLEEP.lock();
		let place = asleep.0.iter().position(|bed| bed.task.is_none())?;
		self.current_task.borrow_mut().status = TaskStatus::Blocked;
		let bed = &mut asleep.0[place];
		bed.task = Some(self.current_task.clone());
		bed.turn = bed.turn.wrapping_add(1);
		bed.until = until.unwrap_or(NEVER);
		let sleeper = Sleeper {
			place: place as u8,
			turn: bed.turn,
		};
		drop(asleep);
		if let Some(until) = until {
			look_at(until);
		}
		Some(sleeper)
	}

	/// Takes a task out of its sleep; `None` when it is the current one, which then just goes on, or
	/// when it was woken already.
	fn take(&mut self, sleeper: Sleeper) -> Option<Rc<RefCell<Task>>> {
		let mut asleep = ASLEEP.lock();
		let bed = &mut asleep.0[usize::from(sleeper.place)];
		if bed.turn != sleeper.turn {
			return None;
		}
		let task = bed.task.take()?;
		drop(asleep);
		if Rc::ptr_eq(&task, &self.current_task) {
			task.borrow_mut().status = TaskStatus::Running;
			return None;
		}
		task.borrow_mut().status = TaskStatus::Ready;
		Some(task)
	}

	/// Wakes the tasks whose time has come. Gives the next such time. To be called on core 0 with
	/// interrupts off.
	pub(crate) fn uio_rouse_due(&mut self, now: u64) -> u64 {
		let mut next = NEVER;
		let mut due = None;
		for (place, bed) in ASLEEP.lock().0.iter().enumerate() {
			if bed.task.is_some() && bed.until <= now {
				due = Some(Sleeper {
					place: place as u8,
					turn: bed.turn,
				});
			} else if bed.task.is_some() {
				next = next.min(bed.until);
			}
		}
		match due {
			None => next,
			Some(sleeper) => {
				self.uio_rouse(sleeper);
				// There may be another one: look again at once.
				next.min(now)
			}
		}
	}

	/// Wakes a task that is asleep. To be called on core 0 with interrupts off.
	pub(crate) fn uio_rouse(&mut self, sleeper: Sleeper) {
		if let Some(task) = self.take(sleeper) {
			self.ready_queue.push(task);
		}
	}

	/// Wakes a task that is asleep and switches to it if it goes before the current one. To be
	/// called on core 0, as the last act of an interrupt handler.
	pub(crate) fn uio_switch_to(&mut self, sleeper: Sleeper) {
		let Some(task) = self.take(sleeper) else {
			return;
		};
		let (status, prio) = {
			let current = self.current_task.borrow();
			(current.status, current.prio)
		};
		match status {
			TaskStatus::Idle => {}
			TaskStatus::Running if prio < task.borrow().prio => {
				self.current_task.borrow_mut().status = TaskStatus::Ready;
				self.ready_queue.push(self.current_task.clone());
			}
			_ => {
				self.ready_queue.push(task);
				crate::uio::quiet::reschedule();
				return;
			}
		}
		let old_stack = ptr::from_mut(&mut self.current_task.borrow_mut().last_stack_pointer);
		let new_stack = {
			let mut task = task.borrow_mut();
			task.status = TaskStatus::Running;
			task.last_stack_pointer.as_usize()
		};
		self.current_task = task;
		// SAFETY: as in `reschedule`: both stack pointers belong to tasks of this core that are kept
		// alive, and interrupts are off.
		unsafe {
			if Rc::ptr_eq(&self.current_task, &self.fpu_owner) {
				switch_to_fpu_owner(old_stack.cast(), new_stack);
			} else {
				switch_to_task(old_stack.cast(), new_stack);
			}
		}
	}

	/// Wakes a task if it is still blocked.
	pub(crate) fn uio_wake(&mut self, task: TaskHandle) {
		#[cfg(feature = "smp")]
		if task.get_core_id() != self.core_id {
			// The other core looks whether the task is still blocked (`check_input`).
			self.custom_wakeup(task);
			return;
		}
		without_interrupts(|| {
			if self.blocked_tasks.uio_contains(task) {
				let task = self.blocked_tasks.custom_wakeup(task);
				self.ready_queue.push(task);
			}
		});
	}

	/// Top of the interrupt stack of the current task.
	pub(crate) fn uio_interrupt_stack(&self) -> u64 {
		// An interrupt switches tasks, for which nothing may have borrowed the current one.
		without_interrupts(|| {
			let task = self.current_task.borrow();
			let stack = task.stacks.get_interrupt_stack() + task.stacks.get_interrupt_stack_size();
			stack.as_u64() - TaskStacks::MARKER_SIZE as u64
		})
	}

	/// Sets the priority of the current task.
	pub(crate) fn uio_set_current_priority(&self, prio: Priority) {
		self.current_task.borrow_mut().prio = prio;
	}

	/// Sets the priority of a task that runs or is ready, now with one of the priorities in `from`.
	/// False if it is neither. To be called with interrupts off.
	pub(crate) fn uio_set_priority(&mut self, id: i32, from: &[Priority], to: Priority) -> bool {
		let id = TaskId::from(id);
		let mut current = self.current_task.borrow_mut();
		if current.id == id {
			current.prio = to;
			return true;
		}
		drop(current);
		from.iter().any(|&from| {
			let handle = TaskHandle::new(
				id,
				from,
				#[cfg(feature = "smp")]
				self.core_id,
			);
			self.ready_queue.set_priority(handle, to).is_ok()
		})
	}

	/// The stack of the current task.
	pub(crate) fn uio_stack(&self) -> Range<u64> {
		without_interrupts(|| {
			let task = self.current_task.borrow();
			let start = task.stacks.get_user_stack().as_u64();
			start..start + task.stacks.get_user_stack_size() as u64
		})
	}

	/// As [`Self::uio_stack`], from wherever a program may be called: `None` where the task is being changed. With
	/// interrupts off.
	#[cfg(feature = "uio-bpf")]
	pub(crate) fn uio_peek_stack(&self) -> Option<Range<u64>> {
		let task = self.current_task.try_borrow().ok()?;
		let start = task.stacks.get_user_stack().as_u64();
		Some(start..start + task.stacks.get_user_stack_size() as u64)
	}

	/// Identifier of the current task, likewise; -1 where it is being changed.
	#[cfg(feature = "uio-bpf")]
	pub(crate) fn uio_peek_task(&self) -> i32 {
		self.current_task.try_borrow().map_or(-1, |task| task.id.into())
	}

	/// Where all stacks of the current task are, and the one of them that interrupts use.
	#[cfg(feature = "uio-mpk")]
	pub(crate) fn uio_stacks(&self) -> (Range<usize>, Range<usize>) {
		without_interrupts(|| {
			let task = self.current_task.borrow();
			let interrupts = task.stacks.get_interrupt_stack().as_usize();
			let all = interrupts..self.uio_stack().end as usize;
			let interrupts = interrupts..interrupts + task.stacks.get_interrupt_stack_size();
			(all, interrupts)
		})
	}

	/// Gives the current task the floating-point state of a new one.
	#[cfg(feature = "uio-mpk")]
	pub(crate) fn uio_reset_floating(&mut self) {
		without_interrupts(|| {
			self.current_task.borrow_mut().last_fpu_state = FPUState::new();
			if Rc::ptr_eq(&self.current_task, &self.fpu_owner) {
				// SAFETY: the kernel has turned on SSE, and AVX where there is AVX. The next use by
				// another task raises an exception, since that task is not the owner.
				unsafe {
					asm!("clts", options(nomem, nostack));
					uio_mpk::gate::reset_floating_point(supports_avx());
				}
			}
		});
	}

	/// Has the next use of the floating-point unit by the current task raise an exception, even if its
	/// own state is loaded.
	#[cfg(feature = "uio-mpk")]
	pub(crate) fn uio_watch_floating(&self) {
		use x86_64::registers::control::{Cr0, Cr0Flags};

		without_interrupts(|| {
			if Rc::ptr_eq(&self.current_task, &self.fpu_owner) {
				// SAFETY: the handler of that exception finds that there is nothing to load.
				unsafe { Cr0::update(|flags| flags.insert(Cr0Flags::TASK_SWITCHED)) };
			}
		});
	}
}
