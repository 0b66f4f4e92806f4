//! Faults of compiled programs end the run, and nothing else.

use core::arch::asm;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use uio_bpf::program::Program;
use uio_bpf::run::{Run, Stop};

use super::entry::CORES;
use crate::arch::core_local::core_id;

/// The run of compiled code on each core.
static RUNS: [AtomicPtr<Run<'static>>; CORES] = [const { AtomicPtr::new(ptr::null_mut()) }; CORES];

/// Marks the place of a stop as an offset in compiled code.
const OFFSET: u32 = 1 << 31;

/// Runs compiled code for a run on this core, with interrupts off.
pub(super) fn guard<T>(run: &mut Run<'_>, work: impl FnOnce(&mut Run<'_>) -> T) -> T {
	let Some(place) = RUNS.get(core_id() as usize) else {
		return work(run);
	};
	place.store(ptr::from_mut(run).cast(), Ordering::Relaxed);
	let result = work(run);
	place.store(ptr::null_mut(), Ordering::Relaxed);
	result
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
	let Some(code) = run.program.native.filter(|code| code.leave != 0) else {
		return;
	};
	let range = code.range();
	let at = match range.contains(&instruction) {
		true => OFFSET | (instruction - range.start) as u32,
		false => u32::MAX,
	};
	run.stop = Some((Stop::Fault { vector, address }, at));
	run.leave = 1;
	// SAFETY: this is how compiled code is left (`Code::leave`): what was between is the code's own, and helpers, which
	// own nothing that needs to be freed. Interrupts were off before the fault and still are.
	unsafe {
		asm!(
			"mov rsp, {entry}",
			"jmp {leave}",
			entry = in(reg) run.entry,
			leave = in(reg) code.leave,
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
