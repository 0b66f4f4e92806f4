//! Looking into the queues of a scheduler. A child module of `scheduler::task`, whose fields it
//! reads.

use super::{BlockedTaskQueue, PriorityTaskQueue, Task, TaskHandle};

impl PriorityTaskQueue {
	/// Calls `each` with every task that is ready.
	pub(crate) fn uio_each(&self, each: &mut dyn FnMut(&Task)) {
		for task in self.queues.iter().flatten() {
			each(&task.borrow());
		}
	}
}

impl BlockedTaskQueue {
	/// Calls `each` with every task that is blocked.
	pub(crate) fn uio_each(&self, each: &mut dyn FnMut(&Task)) {
		for blocked in &self.list {
			each(&blocked.task.borrow());
		}
	}

	/// Whether `task` is blocked.
	pub(crate) fn uio_contains(&self, task: TaskHandle) -> bool {
		let id = task.get_id();
		self.list
			.iter()
			.any(|blocked| blocked.task.borrow().id == id)
	}
}
