//! Programs with protection keys: each runs with the rights of a domain, on a stack of its own.

pub(super) mod heap;
mod reveal;
pub(super) mod stubs;
mod traps;

use alloc::vec::Vec;
use core::ops::Range;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

use hermit_sync::{InterruptTicketMutex, OnceCell, without_interrupts};
use uio_core::isolation::{Entry, Forbidden, Lack, Policy, Region};
use uio_mpk::domain::Domain;
use uio_mpk::gate::{self, RETURN};
use uio_mpk::keys::{KEYS, Keys};
use uio_mpk::rights::{Key, Rights};

#[cfg(feature = "uio-bpf")]
pub(super) use self::traps::is_handler;
use uio_mpk::scan::{self, Classes};
use x86_64::VirtAddr;
use x86_64::instructions::tlb;

use super::config::{self, Backend, backend};
use super::pages::{PAGE, Split, entry};
use super::region::Frames;
use super::run::runs;
use super::{arguments, interface};
use crate::arch::core_local::core_scheduler;
use crate::arch::kernel::processor;

/// Bytes of stack of a program.
const STACK: usize = 64 * 1024;

/// The keys, and which data carry them.
struct Owners {
	keys: Keys,
	data: [Range<usize>; 16],
}

static OWNERS: InterruptTicketMutex<Owners> = InterruptTicketMutex::new(Owners {
	keys: Keys::new(),
	data: [const { 0..0 }; 16],
});

/// The key that pages named in their entries.
const KEY_BITS: u64 = 0xf << 59;

/// Gives pages that are mapped another key; their other rights stay.
pub(super) fn set_key(pages: Range<usize>, key: Key) {
	for at in pages.step_by(PAGE) {
		let Some((entry, _)) = entry(at, 0, Split::Yes) else {
			continue;
		};
		without_interrupts(|| {
			let value = entry.load(Ordering::Relaxed);
			entry.store(value & !KEY_BITS | key.entry_bits(), Ordering::Relaxed);
			tlb::flush(VirtAddr::new_truncate(at as u64));
		});
	}
}

/// Takes note that memory of a program is given back.
pub(super) fn forget_data(memory: Range<usize>) {
	for data in &mut OWNERS.lock().data {
		if memory.contains(&data.start) {
			*data = 0..0;
		}
	}
}

/// The first instruction that a program must not have.
pub(super) fn forbidden(code: &[u8]) -> Option<Forbidden> {
	static GRANTED: OnceCell<Classes> = OnceCell::new();
	let granted = GRANTED.get_or_init(|| match config::option("uio.grant=") {
		Some(names) if config::policy() == Policy::Full => Classes::parse(&names).unwrap_or_else(|| {
			error!("uio: uio.grant={names} names a class that is not known; nothing is granted");
			Classes::NONE
		}),
		Some(_) => {
			error!("uio: uio.grant= needs uio.policy=full; nothing is granted");
			Classes::NONE
		}
		None => Classes::NONE,
	});
	let found = scan::scan(code, *granted)?;
	Some(Forbidden {
		offset: found.offset,
		len: found.len,
		class: found.class.name(),
		within: found.within,
	})
}

/// A worker's side of domains.
pub(super) struct Keyed {
	pub(super) domain: Domain,
	/// Stack pointer with which the program's functions are called.
	top: AtomicUsize,
	/// What they return to.
	exit: AtomicUsize,
	state: InterruptTicketMutex<State>,
}

struct State {
	/// The stack that programs run on, from the first run on.
	stack: Option<Frames>,
	key: Key,
	/// More memory of the program that runs.
	chunks: Vec<Frames>,
	/// Where the worker's own stacks are.
	own_stacks: Range<usize>,
	/// The part of them that interrupts use.
	interrupt_stack: Range<usize>,
}

impl Keyed {
	pub(super) const fn new() -> Self {
		Self {
			domain: Domain::new(),
			top: AtomicUsize::new(0),
			exit: AtomicUsize::new(0),
			state: InterruptTicketMutex::new(State {
				stack: None,
				key: Key::KERNEL,
				chunks: Vec::new(),
				own_stacks: 0..0,
				interrupt_stack: 0..0,
			}),
		}
	}

	pub(super) fn worker_started(&self) {
		let (own_stacks, interrupt_stack) = core_scheduler().uio_stacks();
		let mut state = self.state.lock();
		state.own_stacks = own_stacks;
		state.interrupt_stack = interrupt_stack;
	}

	pub(super) fn worker_ended(&self, worker: usize) {
		OWNERS.lock().keys.forget(worker);
		let mut state = self.state.lock();
		state.own_stacks = 0..0;
		state.interrupt_stack = 0..0;
		let stack = state.stack.take();
		drop(state);
		drop(stack);
	}

	/// Gets everything ready for a run on the calling task: a key, and a stack with the arguments on
	/// it. Gives their number and where the pointers to them are.
	pub(super) fn prepare(
		&self,
		worker: usize,
		program: &Entry<'_>,
		argv: &[u8],
	) -> Result<(usize, usize), Lack> {
		traps::install();
		self.exit.store(stubs::address(RETURN).ok_or(Lack::Memory)? as usize, Ordering::Relaxed);
		let mut state = self.state.lock();
		if state.stack.is_none() {
			drop(state);
			let stack = Frames::new(STACK).ok_or(Lack::Memory)?;
			state = self.state.lock();
			state.stack = Some(stack);
		}
		let stack = state.stack.as_mut().ok_or(Lack::Memory)?;
		let base = stack.start();
		let bytes = stack.bytes_mut();
		let (count, vector) = arguments::put(bytes, base, argv).ok_or(Lack::Arguments)?;
		drop(state);
		// Where a function finds what it returns to (System V psABI x86-64, 3.4.1).
		self.top.store(base + vector - size_of::<usize>(), Ordering::Relaxed);
		let key = self
			.take_key(worker, program)
			.ok_or(Lack::Key(KEYS as u16))?;
		self.domain.prepare(
			Rights::of_program(key),
			processor::readfs() as u64,
			processor::readgs() as u64,
		);
		core_scheduler().uio_watch_floating();
		Ok((count, base + vector))
	}

	/// Takes a key and gives it to the pages that the program may write.
	fn take_key(&self, worker: usize, program: &Entry<'_>) -> Option<Key> {
		let data = program.data.start as usize..program.data.end as usize;
		let mut owners = OWNERS.lock();
		let grant = owners.keys.take(worker)?;
		let before = &mut owners.data[usize::from(grant.key.number())];
		let before = core::mem::replace(before, data.clone());
		drop(owners);
		if let Some(loser) = grant.from.and_then(|loser| runs().get(loser)) {
			loser.keyed.tag_stacks(Key::KERNEL);
		}
		if !grant.same {
			self.tag_stacks(grant.key);
			self.state.lock().key = grant.key;
		}
		if before != data {
			set_key(before, Key::KERNEL);
			set_key(data, grant.key);
		}
		Some(grant.key)
	}

	/// Gives the stacks that are written with the rights of the program a key.
	fn tag_stacks(&self, key: Key) {
		let state = self.state.lock();
		let stack = state.stack.as_ref().map_or(0..0, |stack| stack.start()..stack.end());
		let interrupts = state.interrupt_stack.clone();
		drop(state);
		set_key(stack, key);
		if backend() == Backend::Pks {
			set_key(interrupts, key);
		}
	}

	/// Calls a function of the program; `None` when it did not return.
	pub(super) fn enter(&self, function: u64, a: usize, b: usize) -> Option<u64> {
		let stack = self.top.load(Ordering::Relaxed);
		let exit = ptr::with_exposed_provenance_mut::<usize>(stack);
		// SAFETY: `prepare` has found that place in the stack, of which there is half left below. The
		// function that ran before may have written there.
		unsafe { exit.write(self.exit.load(Ordering::Relaxed)) };
		// SAFETY: `prepare` has set up the gate, the domain and the stack.
		let ended = unsafe { gate::enter(&self.domain, function, a, b, stack) };
		(ended.left == 0).then_some(ended.value)
	}

	/// Ends the call of [`Self::enter`].
	pub(super) fn leave(&self) -> ! {
		// SAFETY: the callers are inside that call, with the kernel's rights.
		unsafe { gate::leave(&self.domain, 0) }
	}

	/// Ends the program if it is in code of its own.
	pub(super) fn interrupt(&self) {
		if self.domain.interrupted() {
			self.domain.end();
		}
	}

	/// Gives back what a run needed, but not what the next one needs as well.
	pub(super) fn rest(&self) {
		if self.domain.floating() {
			core_scheduler().uio_reset_floating();
		}
		let mut state = self.state.lock();
		let chunks = core::mem::take(&mut state.chunks);
		OWNERS.lock().keys.rest(state.key);
		drop(state);
		drop(chunks);
	}

	/// The stack of the program.
	pub(super) fn stack(&self) -> Range<u64> {
		let state = self.state.lock();
		let stack = state.stack.as_ref().map_or(0..0, |stack| stack.start()..stack.end());
		stack.start as u64..stack.end as u64
	}

	/// Where the program is in a call: its instruction, stack pointer and frame pointer.
	pub(super) fn caller(&self) -> (u64, u64, u64) {
		// SAFETY: asked only when the program is inside a call.
		let caller = unsafe { self.domain.caller() };
		(caller.instruction, caller.stack, caller.frame)
	}

	/// Whether the program may write these bytes.
	pub(super) fn may_write(&self, data: &Range<u64>, start: usize, len: usize) -> bool {
		let Some(end) = start.checked_add(len) else {
			return false;
		};
		let within = |from: usize, to: usize| from <= start && end <= to;
		let state = self.state.lock();
		within(data.start as usize, (data.end as usize).next_multiple_of(PAGE))
			|| state.stack.iter().chain(&state.chunks).any(|frames| within(frames.start(), frames.end()))
	}

	/// `uio_grow`: more memory for the program's heap.
	pub(super) fn grow(&self, size: usize) -> heap::Chunk {
		const NOTHING: heap::Chunk = heap::Chunk { start: 0, size: 0 };
		let mut state = self.state.lock();
		let have: usize = state.chunks.iter().map(|chunk| chunk.end() - chunk.start()).sum();
		let size = size.max(heap::CHUNK);
		if size > interface::MAX_MEMORY.saturating_sub(have) || state.chunks.try_reserve(1).is_err() {
			return NOTHING;
		}
		let key = state.key;
		drop(state);
		let Some(frames) = Frames::new(size) else {
			return NOTHING;
		};
		let (start, end) = (frames.start(), frames.end());
		set_key(start..end, key);
		state = self.state.lock();
		if state.chunks.is_empty() {
			self.domain.set_heap(start);
		}
		state.chunks.push(frames);
		heap::Chunk {
			start,
			size: end - start,
		}
	}
}

/// Whether a page must never be shown to programs: the stacks of the workers, which the gate writes
/// before it has raised the rights.
fn is_hidden(page: usize) -> bool {
	runs()
		.iter()
		.any(|run| run.keyed.state.lock().own_stacks.contains(&page))
}
