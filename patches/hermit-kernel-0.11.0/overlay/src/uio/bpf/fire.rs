//! Running what is attached, where it is attached. Interrupts are off, and the core is marked as busy.

use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use uio_bpf::kind::{FunctionEntry, FunctionExit};
use uio_bpf::run::{End, Memory, Run, STACK_LEN, Stop};
use uio_bpf::{interpreter, jit};

use super::entry::{self, CORES};
use super::host::HOST;
use super::link::Link;
use super::{fault, shadow, table};
use crate::arch::core_local::core_id;
use crate::arch::processor::{get_frequency, get_timestamp};

/// Stacks of programs, by core.
static STACKS: [AtomicPtr<Stack>; CORES] = [const { AtomicPtr::new(ptr::null_mut()) }; CORES];

/// A stack, which programs use by its address.
#[repr(align(16))]
struct Stack {
	_bytes: [u8; STACK_LEN],
}

/// Makes a stack for every core that has none; false without memory.
pub(super) fn prepare() -> bool {
	let cores = crate::arch::get_processor_count() as usize;
	STACKS.iter().take(cores).all(|stack| {
		if !stack.load(Ordering::Relaxed).is_null() {
			return true;
		}
		let layout = core::alloc::Layout::new::<Stack>();
		// SAFETY: the layout is not empty.
		let new = unsafe { alloc::alloc::alloc_zeroed(layout) };
		stack.store(new.cast(), Ordering::Release);
		!new.is_null()
	})
}

/// Where a program was called from: the innermost addresses (0 for none), and the frame pointer from which on the
/// others are found.
#[derive(Clone, Copy, Default)]
pub(super) struct Origin {
	pub(super) at: [u64; 2],
	pub(super) frame: u64,
}

/// Runs a link's program with a context, on this core's stack.
pub(super) fn run(link: &Link, context: Memory, origin: Origin) -> End {
	let helpers = super::helpers();
	let stack = STACKS.get(core_id() as usize).map_or(ptr::null_mut(), |stack| stack.load(Ordering::Acquire));
	let mut run = Run::new(&link.program, context, stack.cast(), &helpers, &HOST);
	run.budget = link.budget;
	run.origin = origin.at;
	run.frame = origin.frame;
	let arguments = [context.address, context.len];
	// SAFETY: the stack is this core's, the context is the caller's and is there as long as this runs; compiled
	// programs are trusted, and their faults end the run.
	let end = unsafe {
		match link.program.native {
			Some(_) => fault::guard(&mut run, |run| jit::run(run, arguments)).unwrap_or_else(|| {
				interpreter::release(&mut run);
				let (why, at) = run.stop.unwrap_or((Stop::Interrupted, 0));
				End::Stopped { why, at }
			}),
			None => interpreter::run(&mut run, arguments),
		}
	};
	link.ran(end);
	end
}

/// The context that a structure is.
pub(super) fn context<T>(of: &mut T) -> Memory {
	Memory {
		address: ptr::from_mut(of).expose_provenance() as u64,
		len: size_of::<T>() as u64,
		writable: false,
	}
}

/// A traced function was entered; called by [`entry::entry`].
pub(super) extern "sysv64" fn entered(at: &mut FunctionEntry, frame: u64) {
	let Some(function) = table::find(at.function) else {
		return;
	};
	let key = core::mem::replace(&mut at.function, function.real);
	let slot = ptr::with_exposed_provenance_mut::<u64>(at.stack as usize);
	// SAFETY: the function's return address is there, on the stack of whoever called it.
	let back = unsafe { slot.read() };
	let caller = match back == entry::exit as *const () as u64 {
		true => shadow::back(at.stack).unwrap_or(back),
		false => back,
	};
	for link in &function.entry {
		let at_entry = [at.function, caller];
		run(link, context(at), Origin { at: at_entry, frame });
	}
	if !function.exit.is_empty() {
		if shadow::note(at.stack, back, key, at, get_timestamp()) {
			// SAFETY: as above; `exit` puts things right again.
			unsafe { slot.write(entry::exit as *const () as u64) };
		} else {
			function.missed.fetch_add(1, Ordering::Relaxed);
		}
	}
}

/// A traced function has ended, whose return address was in `slot`; called by [`entry::exit`]. Gives that
/// address back. `busy` says whether the core was marked as busy before.
pub(super) extern "sysv64" fn exited(slot: u64, returned: u64, busy: u32, frame: u64) -> u64 {
	let Some(first) = shadow::take(slot) else {
		// Only `entered` has a function return here, and it took note.
		panic!("uio: a traced function returned to nowhere");
	};
	// The core was busy before: nothing is run.
	let quiet = busy != 0;
	let now = get_timestamp();
	let mut next = Some(first);
	while let Some(call) = next {
		if let Some(function) = table::find(call.key).filter(|_| !quiet) {
			let cycles = now.wrapping_sub(call.since);
			let mut at = FunctionExit {
				entry: call.entry,
				returned,
				duration: cycles.saturating_mul(1000) / u64::from(get_frequency()).max(1),
			};
			for link in &function.exit {
				let at_exit = [at.entry.function, call.back];
				run(link, context(&mut at), Origin { at: at_exit, frame });
			}
		}
		next = shadow::take(slot);
	}
	first.back
}
