//! Tasks as the operator sees them, and the names that some of them have.

use alloc::vec::Vec;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

use hermit_sync::InterruptTicketMutex;
use memory_addresses::VirtAddr;
use uio_console::record::{Task as Record, TaskState};

use crate::arch::core_local::{core_id, core_scheduler};
use crate::arch::get_processor_count;
use crate::arch::kernel::interrupts::IST_SIZE;
use crate::arch::mm::physicalmem;
use crate::config::DEFAULT_STACK_SIZE;
use crate::scheduler::task::{Priority, Task, TaskStatus};
use crate::scheduler::{self, PerCoreScheduler};

/// The longest name of a task, in bytes.
pub(super) const MAX_NAME: usize = 15;

/// How many living tasks can have names; then the oldest name gives way.
const NAMES: usize = 24;

/// How many tasks of a core are reported.
const MAX_TASKS: usize = 128;

#[derive(Clone, Copy)]
struct Name {
	task: i32,
	len: u8,
	text: [u8; MAX_NAME],
}

struct Names {
	names: [Name; NAMES],
	next: usize,
}

static NAMED: InterruptTicketMutex<Names> = InterruptTicketMutex::new(Names {
	names: [Name {
		task: -1,
		len: 0,
		text: [0; MAX_NAME],
	}; NAMES],
	next: 0,
});

/// Names the task `task`; a name longer than [`MAX_NAME`] is cut at a character.
pub(super) fn set_name(task: i32, name: &str) {
	let mut len = name.len().min(MAX_NAME);
	while !name.is_char_boundary(len) {
		len -= 1;
	}
	let mut text = [0; MAX_NAME];
	text[..len].copy_from_slice(&name.as_bytes()[..len]);

	let mut named = NAMED.lock();
	let place = |wanted: &dyn Fn(&Name) -> bool| named.names.iter().position(wanted);
	let slot = place(&|name| name.task == task)
		.or_else(|| place(&|name| !scheduler::uio_is_alive(name.task)))
		.unwrap_or_else(|| {
			named.next = (named.next + 1) % NAMES;
			named.next
		});
	named.names[slot] = Name {
		task,
		len: len as u8,
		text,
	};
}

/// Fills `out` from the start with the name of a task, and gives the length; 0 without a name, or where names are being
/// changed. Callable wherever a program may be called.
#[cfg(feature = "uio-bpf")]
pub(super) fn name_into(task: i32, out: &mut [u8]) -> usize {
	let Some(named) = NAMED.try_lock() else {
		return 0;
	};
	let Some(name) = named.names.iter().find(|name| name.task == task) else {
		return 0;
	};
	let len = usize::from(name.len).min(out.len());
	out[..len].copy_from_slice(&name.text[..len]);
	len
}

/// Priority of the overlay task: above the application and above the workers, so that it can
/// always interrupt one of them.
pub(super) const OVERLAY_PRIO: Priority = Priority::from(20);

/// Priority of the workers: above the application's default.
pub(super) const WORKER_PRIO: Priority = Priority::from(10);

/// Starts a task of the overlay on core 0, on which this must be called.
pub(super) fn spawn(
	func: unsafe extern "C" fn(usize),
	arg: usize,
	prio: Priority,
	stack_size: usize,
	name: &str,
) -> i32 {
	// SAFETY: the callers pass functions that take any `usize` and live as long as the kernel.
	let id = unsafe { PerCoreScheduler::spawn(func, arg, prio, 0, stack_size) };
	set_name(id.into(), name);
	HELD.fetch_add(held_by_task(stack_size), Ordering::Relaxed);
	id.into()
}

/// Whether there is memory for a task with this much stack: the kernel panics when there is none.
pub(super) fn has_memory(stack_size: usize) -> bool {
	// Page tables for the stacks are needed as well.
	let size = held_by_task(stack_size) + PAGE_TABLES;
	match physicalmem::allocate(size) {
		Ok(frames) => {
			physicalmem::deallocate(frames, size);
			true
		}
		Err(_) => false,
	}
}

/// More than the page tables that the stacks of a task can need.
const PAGE_TABLES: usize = 8 * 4096;

/// Bytes of the stacks of the overlay's tasks.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// Bytes of the stacks of the overlay's tasks.
pub(super) fn held() -> usize {
	HELD.load(Ordering::Relaxed)
}

/// To be called by a task of the overlay with this much stack as its last act.
pub(super) fn ended(stack_size: usize) {
	HELD.fetch_sub(held_by_task(stack_size), Ordering::Relaxed);
}

/// Each task has two stacks besides the one it asks for.
fn held_by_task(stack_size: usize) -> usize {
	stack_size.max(MIN_STACK_SIZE) + DEFAULT_STACK_SIZE + IST_SIZE
}

/// A task, copied while nothing could change it.
#[derive(Clone, Copy)]
struct Seen {
	id: i32,
	state: TaskState,
	priority: u8,
	core: u16,
	stack_size: usize,
	stack_used: usize,
}

impl Seen {
	fn new(task: &Task, current: i32) -> Self {
		let stack = task.stacks.get_user_stack();
		let stack_size = task.stacks.get_user_stack_size();
		let state = match task.status {
			_ if task.status == TaskStatus::Idle => TaskState::Idle,
			_ if task.id.into() == current => TaskState::Running,
			TaskStatus::Ready | TaskStatus::Running => TaskState::Ready,
			TaskStatus::Blocked => TaskState::Blocked,
			_ => TaskState::Finished,
		};
		Self {
			id: task.id.into(),
			state,
			priority: task.prio.into(),
			core: task.core_id as u16,
			stack_size,
			stack_used: stack_used(stack, stack_size),
		}
	}
}

/// How much of a stack was ever written: stacks are zeroed when they are made and grow down, so
/// the pages that are still all zero lie at their bottom, and the first other is found by halving.
fn stack_used(stack: VirtAddr, size: usize) -> usize {
	const PAGE: usize = 4096;
	let clean = |page: usize| {
		let first = stack.as_ptr::<u64>().wrapping_byte_add(page * PAGE);
		// SAFETY: the stack of a live task is mapped from `stack` on for `size` bytes; the caller
		// keeps interrupts off, so that the task, which lives on this core, stays alive.
		(0..PAGE / 8).all(|i| unsafe { first.add(i).read_volatile() } == 0)
	};
	let (mut low, mut high) = (0, size / PAGE);
	while low < high {
		let middle = low + (high - low) / 2;
		if clean(middle) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	size - low * PAGE
}

/// The tasks of one core, collected there.
type Collected = InterruptTicketMutex<Vec<Seen>>;

/// Notes the tasks of the core it runs on in the [`Collected`] at address `collected`.
extern "C" fn collect(collected: usize) {
	let collected = ptr::with_exposed_provenance::<Collected>(collected);
	// SAFETY: `all` passes the address of a list that it keeps until this task has ended.
	let collected = unsafe { &*collected };
	// The list has its memory already; its lock keeps interrupts off.
	let mut collected = collected.lock();
	let current = core_scheduler().get_current_task_id().into();
	core_scheduler().uio_tasks(&mut |task| {
		// On another core this is the task that was made for asking.
		let asking = core_id() != 0 && task.id.into() == current;
		if !asking && collected.len() < collected.capacity() {
			collected.push(Seen::new(task, current));
		}
	});
}

/// Calls `each` with every task of every core; stops when it returns false. Blocks shortly while
/// other cores are asked, since a core's run queue may only be read there.
pub(super) fn all(each: &mut dyn FnMut(&Record<'_>) -> bool) {
	for core in 0..get_processor_count() {
		let collected: Collected = InterruptTicketMutex::new(Vec::with_capacity(MAX_TASKS));
		let address = ptr::from_ref(&collected).expose_provenance();
		if core == core_id() {
			collect(address);
		} else if has_memory(MIN_STACK_SIZE) {
			// SAFETY: `collect` gets what it takes.
			let id = unsafe {
				PerCoreScheduler::spawn(collect, address, OVERLAY_PRIO, core, MIN_STACK_SIZE)
			};
			let _ = scheduler::join(id);
		}
		for seen in collected.into_inner() {
			if !report(&seen, each) {
				return;
			}
		}
	}
}

/// The smallest stack that the kernel gives a task.
const MIN_STACK_SIZE: usize = crate::config::KERNEL_STACK_SIZE;

fn report(seen: &Seen, each: &mut dyn FnMut(&Record<'_>) -> bool) -> bool {
	let named = NAMED
		.lock()
		.names
		.iter()
		.find(|name| name.task == seen.id)
		.copied();
	let name = match &named {
		Some(name) => core::str::from_utf8(&name.text[..usize::from(name.len)]).unwrap_or(""),
		None if seen.state == TaskState::Idle => "idle",
		None => "thread",
	};
	each(&Record {
		id: seen.id,
		name,
		state: seen.state,
		priority: seen.priority,
		core: seen.core,
		stack_used: seen.stack_used as u64,
		stack_size: seen.stack_size as u64,
	})
}
