//! Programs in memory, without isolation: mapped with everything else, executable and writable as
//! all memory of this kernel is. Faults and interrupts end them all the same.

mod enter;
mod fault;
mod interface;
mod memory;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem::MaybeUninit;
use core::ops::Range;
use core::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};
use core::{ptr, slice};

use align_address::Align;
use hermit_sync::{InterruptTicketMutex, OnceCell, without_interrupts};
use memory_addresses::PhysAddr;
use uio_core::isolation::{End, Entry, Fault, Forbidden, Isolation, Limits, Policy, Region};
use uio_core::platform::EVENTS;

use self::enter::Origin;
use crate::arch::core_local::core_scheduler;
use crate::arch::mm::physicalmem;
use crate::env;

const PAGE: usize = 4096;

/// The only isolation of this build.
pub(super) struct Unisolated;

impl Isolation for Unisolated {
	fn name(&self) -> &'static str {
		"none"
	}

	fn available(&self) -> bool {
		true
	}

	fn policy(&self) -> Policy {
		Policy::Full
	}

	fn forbidden(&self, _: &[u8]) -> Option<Forbidden> {
		None
	}

	fn allocate(&self, bytes: usize) -> Option<Box<dyn Region>> {
		let size = bytes.max(1).align_up(PAGE);
		let frames = physicalmem::allocate(size).ok()?;
		HELD.fetch_add(size, Ordering::Relaxed);
		let memory = Frames {
			start: frames.as_usize(),
			size,
			writable_from: 0,
		};
		// 32-bit relocations against the image must reach from anywhere in the region.
		let image = env::get_base_address().as_usize();
		let reach = (1 << 31) - env::get_image_size() - size;
		if memory.start.abs_diff(image) > reach {
			return None;
		}
		let start = ptr::with_exposed_provenance_mut::<u8>(memory.start);
		// SAFETY: the frames are ours, and physical memory is mapped writable at its own address.
		unsafe { start.write_bytes(0, size) };
		Some(Box::new(memory))
	}

	fn interface(&self, name: &[u8]) -> Option<u64> {
		interface::address(name)
	}

	fn run(&self, worker: usize, program: Entry<'_>, argv: &[u8], _: &Limits) -> End {
		fault::install();
		if RUNS.get().is_none() {
			let _ = RUNS.set((0..EVENTS).map(|_| Run::new()).collect());
		}
		let Some(run) = runs().get(worker) else {
			return End::Exited(126);
		};
		let end = run.run(program, argv);
		run.held.release();
		end
	}

	fn interrupt(&self, worker: usize) {
		if let Some(run) = runs().get(worker) {
			run.interrupt();
		}
	}
}

/// Physical memory, which is mapped at its own address.
struct Frames {
	start: usize,
	size: usize,
	/// Offset of the data, behind text and constants; 0 until the memory is sealed.
	writable_from: usize,
}

impl Region for Frames {
	fn base(&self) -> u64 {
		self.start as u64
	}

	fn bytes_mut(&mut self) -> &mut [u8] {
		let start = ptr::with_exposed_provenance_mut(self.start + self.writable_from);
		// SAFETY: the frames are ours, mapped, and zeroed when they were allocated. Nothing runs in
		// them before they are sealed, and the loader asks for its data between runs only.
		unsafe { slice::from_raw_parts_mut(start, self.size - self.writable_from) }
	}

	fn seal(&mut self, _: Range<usize>, constants: Range<usize>) {
		self.writable_from = constants.end.min(self.size);
	}
}

impl Drop for Frames {
	fn drop(&mut self) {
		physicalmem::deallocate(PhysAddr::new(self.start as u64), self.size);
		HELD.fetch_sub(self.size, Ordering::Relaxed);
	}
}

/// The run of a program on a worker.
struct Run {
	/// Task that runs the program; 0, which is the idle task, if none does.
	task: AtomicI32,
	/// [`Origin`] of the call into the program; 0: it has not been entered.
	origin: AtomicUsize,
	/// How the program ended, if not by returning.
	end: InterruptTicketMutex<Option<End>>,
	/// Top of the interrupt stack of the task.
	interrupt_stack: AtomicU64,
	/// The code of the program.
	text: InterruptTicketMutex<Range<u64>>,
	/// What the program holds.
	held: interface::Held,
}

/// One for each worker, from the first run of a program on.
static RUNS: OnceCell<Vec<Run>> = OnceCell::new();

/// The runs, if there ever was one.
fn runs() -> &'static [Run] {
	RUNS.get().map_or(&[], Vec::as_slice)
}

impl Run {
	const fn new() -> Self {
		Self {
			task: AtomicI32::new(0),
			origin: AtomicUsize::new(0),
			end: InterruptTicketMutex::new(None),
			interrupt_stack: AtomicU64::new(0),
			text: InterruptTicketMutex::new(0..0),
			held: interface::Held::new(),
		}
	}

	/// The run of the current task, if it is inside a program.
	fn current() -> Option<(usize, &'static Self)> {
		let task: i32 = core_scheduler().get_current_task_id().into();
		let inside = |run: &Self| {
			run.task.load(Ordering::Relaxed) == task && run.origin.load(Ordering::Relaxed) != 0
		};
		runs().iter().enumerate().find(|(_, run)| inside(run))
	}

	fn run(&self, program: Entry<'_>, argv: &[u8]) -> End {
		let Some(mut arguments) = arguments(argv) else {
			return End::Exited(126);
		};
		*self.end.lock() = None;
		*self.text.lock() = program.text.clone();
		self.interrupt_stack
			.store(core_scheduler().uio_interrupt_stack(), Ordering::Relaxed);
		self.task.store(
			core_scheduler().get_current_task_id().into(),
			Ordering::Relaxed,
		);
		let count = arguments.len() - 1;
		let vector = arguments.as_mut_ptr().expose_provenance();
		let end = self.call_all(program, count, vector);
		self.task.store(0, Ordering::Relaxed);
		end
	}

	fn call_all(&self, program: Entry<'_>, count: usize, vector: usize) -> End {
		for &constructor in program.init {
			if let Err(end) = self.call(constructor, count, vector) {
				return end;
			}
		}
		let status = match self.call(program.main, count, vector) {
			Ok(status) => status as i32,
			Err(End::Exited(status)) => status,
			Err(end) => return end,
		};
		for &destructor in program.fini {
			if let Err(end) = self.call(destructor, 0, 0) {
				return end;
			}
		}
		End::Exited(status)
	}

	/// Calls a function of the program; `Err` when it did not return.
	fn call(&self, function: u64, a: usize, b: usize) -> Result<u64, End> {
		let mut origin = MaybeUninit::<Origin>::uninit();
		// The origin lives on the stack below everything that the program does.
		let address = &raw mut origin;
		self.origin
			.store(address.expose_provenance(), Ordering::Release);
		// SAFETY: the loader vouches that `function` is code of a sealed region; without isolation
		// what it does is the operator's responsibility, of which the client warns. `leave` reads
		// the origin only while `self.origin` is set.
		let ended = unsafe { enter::enter(address.cast(), function as usize, a, b) };
		self.origin.store(0, Ordering::Release);
		if ended.left == 0 {
			return Ok(ended.value);
		}
		Err(self.end.lock().take().unwrap_or(End::Interrupted))
	}

	/// Ends the run of the current task, which is this one.
	fn leave(&self, end: End) -> ! {
		*self.end.lock() = Some(end);
		let origin = ptr::with_exposed_provenance::<Origin>(self.origin.load(Ordering::Acquire));
		// SAFETY: `call` has set it and keeps it alive until the function it called has ended.
		let stack = unsafe { (*origin).0 };
		fault::unwind(stack)
	}

	/// Ends the run from another task of the same core, if the program itself was interrupted (and
	/// not something that it called).
	fn interrupt(&self) {
		if self.task.load(Ordering::Relaxed) == 0 || self.origin.load(Ordering::Relaxed) == 0 {
			return;
		}
		let top = self.interrupt_stack.load(Ordering::Relaxed);
		let within = self.text.lock().clone();
		without_interrupts(|| {
			fault::redirect(top, |instruction| within.contains(&instruction));
		});
	}
}

/// `argv` of a C program: pointers to the arguments, then a null pointer.
fn arguments(argv: &[u8]) -> Option<Vec<*const u8>> {
	let mut pointers = Vec::new();
	let mut rest = argv;
	while !rest.is_empty() {
		let end = rest.iter().position(|&byte| byte == 0)?;
		pointers.push(rest.as_ptr());
		rest = &rest[end + 1..];
	}
	pointers.push(ptr::null());
	Some(pointers)
}

/// Called for every exception of the kernel: ends the run if the fault is a program's.
fn faulted(vector: u8, instruction: u64, access: u64) {
	if crate::arch::core_local::core_id() != 0 {
		return;
	}
	if let Some((_, run)) = Run::current() {
		run.leave(End::Fault(Box::new(Fault {
			vector,
			instruction,
			access,
			..Fault::default()
		})));
	}
}

/// Where a program arrives that was ended from outside.
extern "C" fn end_interrupted() {
	if let Some((_, run)) = Run::current() {
		run.leave(End::Interrupted);
	}
}

/// Bytes of memory that loaded programs hold.
pub(super) fn held() -> usize {
	HELD.load(Ordering::Relaxed)
}

static HELD: AtomicUsize = AtomicUsize::new(0);
