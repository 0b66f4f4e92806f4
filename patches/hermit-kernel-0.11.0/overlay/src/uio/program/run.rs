//! The run of a program on a worker.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem::MaybeUninit;
use core::ops::Range;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU64, AtomicUsize, Ordering};

use hermit_sync::{InterruptTicketMutex, OnceCell, without_interrupts};
use uio_core::isolation::{End, Entry, Fault, Lack, Limits, Policy};
use uio_core::platform::EVENTS;

use super::enter::Origin;
use super::fault::Exception;
#[cfg(feature = "uio-mpk")]
use super::keyed::Keyed;
use super::watch::{self, Watched};
use super::{arguments, enter, fault, interface, trace};
use crate::arch::core_local::core_scheduler;
use crate::scheduler::PerCoreSchedulerExt;
use crate::uio::image;

/// What is known of a worker that runs a program.
pub(super) struct Run {
	/// Task that runs the program; 0, which is the idle task, if none does.
	task: AtomicI32,
	/// Without keys: [`Origin`] of the call into the program; 0: it has not been entered. With keys:
	/// 1 while it is entered.
	origin: AtomicUsize,
	/// What the program may do to the application.
	policy: AtomicU8,
	/// Without keys: the function that the program calls through the gate; else 0.
	called: AtomicU64,
	/// How the program ended, if not by returning.
	end: InterruptTicketMutex<Option<End>>,
	/// Top of the interrupt stack of the task.
	interrupt_stack: AtomicU64,
	/// Where the program's code and data are.
	place: InterruptTicketMutex<Place>,
	/// Bounds of its time.
	pub(super) watched: Watched,
	/// The program is to end as soon as it is about to go on.
	expired: AtomicBool,
	/// What the program holds.
	pub(super) held: interface::Held,
	/// Its domain.
	#[cfg(feature = "uio-mpk")]
	pub(super) keyed: Keyed,
}

/// Where a program lies.
#[derive(Clone)]
pub(super) struct Place {
	pub(super) text: Range<u64>,
	pub(super) data: Range<u64>,
}

/// The runs, one for each worker.
pub(super) fn runs() -> &'static [Run] {
	/// Made at the first question.
	static RUNS: OnceCell<Vec<Run>> = OnceCell::new();
	RUNS.get_or_init(|| (0..EVENTS).map(|_| Run::new()).collect())
}

impl Run {
	#[inline(never)]
	const fn new() -> Self {
		Self {
			task: AtomicI32::new(0),
			origin: AtomicUsize::new(0),
			policy: AtomicU8::new(Policy::Observe as u8),
			called: AtomicU64::new(0),
			end: InterruptTicketMutex::new(None),
			interrupt_stack: AtomicU64::new(0),
			place: InterruptTicketMutex::new(Place {
				text: 0..0,
				data: 0..0,
			}),
			watched: Watched::new(),
			expired: AtomicBool::new(false),
			held: interface::Held::new(),
			#[cfg(feature = "uio-mpk")]
			keyed: Keyed::new(),
		}
	}

	/// The run of the current task, if it is inside a program.
	#[inline(never)]
	pub(super) fn current() -> Option<(usize, &'static Self)> {
		let task: i32 = core_scheduler().get_current_task_id().into();
		let inside = |run: &Self| {
			run.task.load(Ordering::Relaxed) == task && run.origin.load(Ordering::Relaxed) != 0
		};
		runs().iter().enumerate().find(|(_, run)| inside(run))
	}

	/// The task that runs a program; 0 if none does.
	pub(super) fn task(&self) -> i32 {
		self.task.load(Ordering::Relaxed)
	}

	/// Whether the program came to its time limit.
	pub(super) fn is_ending(&self) -> bool {
		self.expired.load(Ordering::Relaxed)
	}

	/// Whether the program is inside a function of the image that it called through the gate.
	pub(super) fn in_call(&self) -> bool {
		self.called() != 0
	}

	/// Ends the program, which came to its time limit, as soon as it is about to go on. Called by the
	/// timer until the program has ended: without keys it goes on until an interrupt finds it in code
	/// of its own.
	pub(super) fn expire(&self) {
		if !self.expired.swap(true, Ordering::Relaxed) {
			*self.end.lock() = Some(End::TimedOut);
		}
		#[cfg(feature = "uio-mpk")]
		if super::config::backend().keys() {
			self.keyed.domain.end();
			return;
		}
		self.redirect();
	}

	/// What the program may do to the application.
	pub(super) fn policy(&self) -> Policy {
		match self.policy.load(Ordering::Relaxed) {
			0 => Policy::Observe,
			1 => Policy::Control,
			_ => Policy::Full,
		}
	}

	/// Where the program lies.
	pub(super) fn place(&self) -> Place {
		self.place.lock().clone()
	}

	pub(super) fn worker_started(&self) {
		self.interrupt_stack
			.store(core_scheduler().uio_interrupt_stack(), Ordering::Relaxed);
		#[cfg(feature = "uio-mpk")]
		self.keyed.worker_started();
	}

	pub(super) fn worker_ended(&self, worker: usize) {
		#[cfg(feature = "uio-mpk")]
		self.keyed.worker_ended(worker);
		#[cfg(not(feature = "uio-mpk"))]
		let _ = worker;
	}

	pub(super) fn run(
		&self,
		worker: usize,
		program: &Entry<'_>,
		argv: &[u8],
		limits: &Limits,
	) -> End {
		*self.end.lock() = None;
		*self.place.lock() = Place {
			text: program.text.clone(),
			data: program.data.clone(),
		};
		self.policy.store(limits.policy as u8, Ordering::Relaxed);
		self.expired.store(false, Ordering::Relaxed);
		self.watched
			.set(limits.time_ms, limits.cpu_share, limits.below);
		self.task.store(
			core_scheduler().get_current_task_id().into(),
			Ordering::Relaxed,
		);
		watch::begin(limits.below);
		#[cfg(feature = "uio-mpk")]
		let end = if super::config::backend().keys() {
			self.run_keyed(worker, program, argv)
		} else {
			self.run_unisolated(program, argv)
		};
		#[cfg(not(feature = "uio-mpk"))]
		let end = {
			let _ = worker;
			self.run_unisolated(program, argv)
		};
		self.task.store(0, Ordering::Relaxed);
		watch::raise();
		self.held.release();
		end
	}

	#[cfg(feature = "uio-mpk")]
	fn run_keyed(&self, worker: usize, program: &Entry<'_>, argv: &[u8]) -> End {
		let (count, vector) = match self.keyed.prepare(worker, program, argv) {
			Ok(arguments) => arguments,
			Err(lack) => return End::Lacking(lack),
		};
		if self.is_ending() {
			self.keyed.rest();
			return End::TimedOut;
		}
		let end = self.call_all(program, count, vector, &|function, a, b| {
			self.origin.store(1, Ordering::Release);
			let ended = self.keyed.enter(function, a, b);
			self.origin.store(0, Ordering::Release);
			ended
		});
		self.keyed.rest();
		end
	}

	fn run_unisolated(&self, program: &Entry<'_>, argv: &[u8]) -> End {
		let Some(mut arguments) = arguments::pointers(argv) else {
			return End::Lacking(Lack::Arguments);
		};
		let vector = arguments.as_mut_ptr().expose_provenance();
		self.call_all(program, arguments.len() - 1, vector, &|function, a, b| {
			let mut origin = MaybeUninit::<Origin>::uninit();
			// The origin lives on the stack below everything that the program does.
			let address = &raw mut origin;
			self.origin
				.store(address.expose_provenance(), Ordering::Release);
			// SAFETY: the loader vouches that `function` is code of a sealed region; without
			// isolation what it does is the operator's responsibility, who asked for that by name.
			// `leave` reads the origin only while `self.origin` is set.
			let ended = unsafe { enter::enter(address.cast(), function as usize, a, b) };
			self.origin.store(0, Ordering::Release);
			(ended.left == 0).then_some(ended.value)
		})
	}

	/// Calls constructors, `main` and destructors. `call` calls a function of the program and gives
	/// nothing when it did not return.
	fn call_all(
		&self,
		program: &Entry<'_>,
		count: usize,
		vector: usize,
		call: &dyn Fn(u64, usize, usize) -> Option<u64>,
	) -> End {
		let call = |function, a, b| call(function, a, b).ok_or_else(|| self.take_end());
		for &constructor in program.init {
			if let Err(end) = call(constructor, count, vector) {
				return end;
			}
		}
		let status = match call(program.main, count, vector) {
			Ok(status) => status as i32,
			Err(End::Exited(status)) => status,
			Err(end) => return end,
		};
		for &destructor in program.fini {
			if let Err(end) = call(destructor, 0, 0) {
				return end;
			}
		}
		End::Exited(status)
	}

	fn take_end(&self) -> End {
		self.end.lock().take().unwrap_or(End::Interrupted)
	}

	/// Ends the run of the current task, which is this one.
	#[cold]
	#[inline(never)]
	pub(super) fn leave(&self, end: End) -> ! {
		*self.end.lock() = Some(end);
		self.unwind()
	}

	fn unwind(&self) -> ! {
		#[cfg(feature = "uio-mpk")]
		if super::config::backend().keys() {
			self.keyed.leave();
		}
		let origin = ptr::with_exposed_provenance::<Origin>(self.origin.load(Ordering::Acquire));
		// SAFETY: whoever entered the program has set it and keeps it alive until the function it
		// called has ended.
		let stack = unsafe { (*origin).0 };
		// SAFETY: that call is in progress on this task, and faults and interrupts are only taken
		// for the program's own while it runs its own code or what it called.
		unsafe { enter::leave(stack, 0) }
	}

	/// Ends the run with a report of an exception.
	#[cold]
	#[inline(never)]
	pub(super) fn fault(&self, exception: &Exception) {
		let called = self.called();
		let in_own_code = called == 0;
		let registers = &exception.registers;
		let (stack, frame) = (registers[4], registers[5]);
		let (frames, caller) = if in_own_code {
			(self.frames_of_program(exception.instruction, stack, frame), Vec::new())
		} else {
			(self.frames_of_call(stack), self.frames_of_caller())
		};
		self.leave(End::Fault(Box::new(Fault {
			vector: exception.vector,
			code: exception.code,
			instruction: exception.instruction,
			access: exception.access,
			registers: registers.to_vec(),
			flags: exception.flags,
			frames,
			in_call: !in_own_code,
			caller,
		})));
	}

	/// Notes the function that is called through the gate without keys; 0: none.
	pub(super) fn set_called(&self, function: u64) {
		self.called.store(function, Ordering::Relaxed);
	}

	/// The function that the program calls through the gate; 0: none.
	fn called(&self) -> u64 {
		#[cfg(feature = "uio-mpk")]
		if super::config::backend().keys() {
			return self.keyed.domain.called();
		}
		self.called.load(Ordering::Relaxed)
	}

	/// The stack that the program runs on.
	fn stack(&self) -> Range<u64> {
		#[cfg(feature = "uio-mpk")]
		if super::config::backend().keys() {
			return self.keyed.stack();
		}
		core_scheduler().uio_stack()
	}

	/// Return addresses of the program when it is at an instruction of its own.
	fn frames_of_program(&self, instruction: u64, stack: u64, frame: u64) -> Vec<u64> {
		let bounds = self.stack();
		let text = self.place().text;
		let is_code = |at| text.contains(&at) || image::is_code(at);
		// A wild jump, code of the image, or a function without a frame: the return address is on top
		// of the stack.
		let near = if text.contains(&instruction) { 8 } else { 64 };
		let mut found = trace::scan(stack, stack.saturating_add(near).min(bounds.end), &is_code);
		found.truncate(1);
		let mut frames = trace::frames(frame, &bounds);
		if found.first() == frames.first() {
			found.clear();
		}
		found.append(&mut frames);
		if found.is_empty() && bounds.contains(&stack) {
			found = trace::scan(stack, bounds.end, &is_code);
		}
		found
	}

	/// Return addresses of what the program called.
	fn frames_of_call(&self, stack: u64) -> Vec<u64> {
		trace::scan(stack, self.end_of_call(), &|at| image::is_code(at))
	}

	/// Where the stack of what the program called ends.
	fn end_of_call(&self) -> u64 {
		#[cfg(feature = "uio-mpk")]
		if super::config::backend().keys() {
			return self.keyed.domain.end_of_call();
		}
		core_scheduler().uio_stack().end
	}

	/// Return addresses of the program below a call through the gate.
	fn frames_of_caller(&self) -> Vec<u64> {
		#[cfg(feature = "uio-mpk")]
		if super::config::backend().keys() {
			let (instruction, stack, frame) = self.keyed.caller();
			let mut frames = self.frames_of_program(instruction, stack, frame);
			// With PKS the program is where its call returns to, with PKU in the stub that it called.
			if self.place().text.contains(&instruction) {
				frames.insert(0, instruction);
			}
			return frames;
		}
		Vec::new()
	}

	/// Ends the run from another task of the same core, if the program itself was interrupted (and
	/// not something that it called).
	pub(super) fn interrupt(&self) {
		if self.task.load(Ordering::Relaxed) == 0 || self.origin.load(Ordering::Relaxed) == 0 {
			return;
		}
		watch::hurry(self.task());
		#[cfg(feature = "uio-mpk")]
		if super::config::backend().keys() {
			self.keyed.interrupt();
			return;
		}
		self.redirect();
	}

	/// Without keys: sends the program to its end, if it is interrupted in code of its own.
	fn redirect(&self) {
		let top = self.interrupt_stack.load(Ordering::Relaxed);
		let within = self.place().text;
		without_interrupts(|| {
			fault::redirect(top, |instruction| within.contains(&instruction));
		});
	}
}

/// Where a program arrives that was ended from outside.
pub(super) extern "C" fn end_from_outside() -> ! {
	match Run::current() {
		Some((_, run)) => {
			let end = run.take_end();
			run.leave(end)
		}
		None => core_scheduler().exit(-1),
	}
}
