//! What the overlay asks of a core's scheduler. A child module of `scheduler`, whose fields it
//! reads.

use hermit_sync::without_interrupts;

use super::PerCoreScheduler;
use super::task::{Task, TaskHandle};
use crate::arch::kernel::scheduler::TaskStacks;

impl PerCoreScheduler {
	/// Calls `each` with every task of this core. Interrupts stay off meanwhile.
	pub(crate) fn uio_tasks(&self, each: &mut dyn FnMut(&Task)) {
		without_interrupts(|| {
			each(&self.current_task.borrow());
			self.ready_queue.uio_each(each);
			self.blocked_tasks.uio_each(each);
			if self.idle_task.borrow().id != self.current_task.borrow().id {
				each(&self.idle_task.borrow());
			}
		});
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
		let task = self.current_task.borrow();
		let stack = task.stacks.get_interrupt_stack() + task.stacks.get_interrupt_stack_size();
		stack.as_u64() - TaskStacks::MARKER_SIZE as u64
	}
}
