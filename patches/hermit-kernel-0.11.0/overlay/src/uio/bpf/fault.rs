//! Faults of compiled programs end the run, and nothing else.

use core::arch::{asm, naked_asm};
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use uio_bpf::program::Program;
use uio_bpf::run::{Run, Stop};

use super::entry::CORES;
use crate::arch::core_local::core_id;

/// The run of compiled code on each core.
static RUNS: [AtomicPtr<Run<'static>>; CORES] = [const { AtomicPtr::new(ptr::null_mut()) }; CORES];

/// Marks the place of a stop as an offset in compiled code.
const OFFSET: u32 = 1 << 31;

/// Where each core's stack was when compiled code was called; 0 outside.
static STACKS: [AtomicU64; CORES] = [const { AtomicU64::new(0) }; CORES];

/// Runs compiled code for a run on this core, with interrupts off. `None` if a fault ended it: the run says which.
pub(super) fn guard<T>(run: &mut Run<'_>, work: impl FnOnce(&mut Run<'_>) -> T) -> Option<T> {
	let core = core_id() as usize;
	let (place, stack) = (RUNS.get(core)?, STACKS.get(core)?);
	let run = ptr::from_mut(run);
	let mut work = Some(work);
	let mut result = None;
	let mut call = || {
		if let Some(work) = work.take() {
			// SAFETY: the caller's, which is not used meanwhile but here and by `contain`.
			result = Some(work(unsafe { &mut *run }));
		}
	};
	let mut call: &mut dyn FnMut() = &mut call;
	place.store(run.cast(), Ordering::Relaxed);
	// SAFETY: `invoke` gets what it takes.
	unsafe { catch(stack.as_ptr(), invoke, ptr::from_mut(&mut call).cast()) };
	place.store(ptr::null_mut(), Ordering::Relaxed);
	stack.store(0, Ordering::Relaxed);
	result
}

/// Calls a closure.
extern "C" fn invoke(call: *mut ()) {
	// SAFETY: `guard` passes a pointer to this.
	let call = unsafe { &mut *call.cast::<&mut dyn FnMut()>() };
	call();
}

/// Calls a function with an argument, after it noted the stack pointer at `stack`. Returns when the function does, or when
/// [`escape`] is reached with that stack pointer, in both cases with the registers that a caller keeps (System V psABI,
/// 3.2.1).
#[unsafe(naked)]
unsafe extern "C" fn catch(stack: *mut u64, function: extern "C" fn(*mut ()), argument: *mut ()) {
	naked_asm!(
		"push rbx",
		"push rbp",
		"push r12",
		"push r13",
		"push r14",
		"push r15",
		"sub rsp, 8",
		"mov [rdi], rsp",
		"mov rdi, rdx",
		"call rsi",
		"jmp {escape}",
		escape = sym escape,
	)
}

/// The end of [`catch`].
#[unsafe(naked)]
unsafe extern "C" fn escape() {
	naked_asm!(
		"add rsp, 8",
		"pop r15",
		"pop r14",
		"pop r13",
		"pop r12",
		"pop rbp",
		"pop rbx",
		"cld",
		"ret",
	)
}

/// Asked for every exception before anybody else is: does not return when it is that of a compiled program, or of a
/// helper with what such a program gave it.
pub(in crate::uio) fn contain(vector: u8, instruction: u64, address: u64) {
	let Some(place) = RUNS.get(core_id() as usize) else {
		return;
	};
	// SAFETY: a run is there as long as it is noted, and this core runs it.
	let Some(run) = (unsafe { place.load(Ordering::Relaxed).as_mut() }) else {
		return;
	};
	let stack = STACKS.get(core_id() as usize).map_or(0, |stack| stack.load(Ordering::Relaxed));
	let (Some(code), true) = (run.program.native, stack != 0) else {
		return;
	};
	let range = code.range();
	let at = match range.contains(&instruction) {
		true => OFFSET | (instruction - range.start) as u32,
		false => u32::MAX,
	};
	run.stop = Some((Stop::Fault { vector, address }, at));
	// SAFETY: `catch` goes on there. What was between is compiled code and helpers, which own nothing that needs to be
	// freed. Interrupts were off before the fault and still are.
	unsafe {
		asm!(
			"mov rsp, {stack}",
			"jmp {escape}",
			stack = in(reg) stack,
			escape = sym escape,
			options(noreturn),
		);
	}
}

/// The instruction of a program that a stop is at. Allocates.
pub(super) fn instruction(program: &Program, at: u32) -> u32 {
	let code = program.native.filter(|_| at & OFFSET != 0 && at != u32::MAX);
	let helpers = super::helpers();
	let found = code.and_then(|code| {
		let address = code.range().start + u64::from(at & !OFFSET);
		code.instruction_at(program, &helpers, address)
	});
	found.unwrap_or(at)
}
