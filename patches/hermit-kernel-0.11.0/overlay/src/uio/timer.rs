//! The timer of core 0, which the overlay shares with the kernel.
//!
//! The kernel sets the timer for the first of its own times; the overlay has it set to its own if
//! that comes before. So the overlay's waits with a time limit and its looks at programs need
//! neither the kernel's list of blocked tasks nor its network polls.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hermit_sync::without_interrupts;

use super::{program, quiet};
use crate::arch::core_local::{core_id, core_scheduler, increment_irq_counter};
use crate::arch::kernel::apic::{self, TIMER_INTERRUPT_NUMBER};
use crate::arch::kernel::interrupts::{ExceptionStackFrame, IDT};
use crate::arch::processor::get_timer_ticks;
use crate::arch::set_oneshot_timer;
use crate::scheduler::PerCoreSchedulerExt;

/// No time at all.
pub(crate) const NEVER: u64 = u64::MAX;

/// When the kernel wants the timer, in microseconds since boot.
static KERNELS: AtomicU64 = AtomicU64::new(NEVER);

/// When the overlay wants it.
static OURS: AtomicU64 = AtomicU64::new(NEVER);

/// Called by the kernel when it sets the timer: gives the time to set it to.
pub(crate) fn earliest(wanted: Option<u64>) -> Option<u64> {
	if core_id() != 0 {
		return wanted;
	}
	let wanted = wanted.unwrap_or(NEVER);
	KERNELS.store(wanted, Ordering::Relaxed);
	match wanted.min(OURS.load(Ordering::Relaxed)) {
		NEVER => None,
		time => Some(time),
	}
}

/// Has the overlay looked after at that time at the latest. On core 0.
pub(crate) fn look_at(time: u64) {
	if time >= OURS.load(Ordering::Relaxed) {
		return;
	}
	install();
	without_interrupts(|| {
		if time < OURS.load(Ordering::Relaxed) {
			OURS.store(time, Ordering::Relaxed);
			set_again();
		}
	});
}

/// Sets the timer to what is wanted now.
fn set_again() {
	let kernels = KERNELS.load(Ordering::Relaxed);
	set_oneshot_timer((kernels != NEVER).then_some(kernels));
}

/// Puts the handler in place of the kernel's, which does the same and more. Once, on core 0.
pub(super) fn install() {
	static INSTALLED: AtomicBool = AtomicBool::new(false);
	if INSTALLED.swap(true, Ordering::Relaxed) {
		return;
	}
	let mut idt = IDT.lock();
	// SAFETY: as the kernel's own handler, on the stack that all interrupts have.
	unsafe {
		idt[TIMER_INTERRUPT_NUMBER]
			.set_handler_fn(timer)
			.set_stack_index(0);
	}
}

extern "x86-interrupt" fn timer(_frame: ExceptionStackFrame) {
	increment_irq_counter(TIMER_INTERRUPT_NUMBER);
	if core_id() != 0 {
		core_scheduler().handle_waiting_tasks();
		apic::eoi();
		core_scheduler().reschedule();
		return;
	}
	let now = get_timer_ticks();
	if now >= OURS.load(Ordering::Relaxed) {
		let sleepers = core_scheduler().uio_rouse_due(now);
		let programs = program::watch::tick(now);
		let next = sleepers.min(programs);
		#[cfg(feature = "uio-bpf")]
		let next = next.min(super::bpf::timers::tick(now, _frame.instruction_pointer.as_u64(), frame_pointer()));
		OURS.store(next, Ordering::Relaxed);
	}
	if now >= KERNELS.load(Ordering::Relaxed) {
		core_scheduler().handle_waiting_tasks();
		apic::eoi();
		core_scheduler().reschedule();
	} else {
		set_again();
		apic::eoi();
		quiet::woken();
		quiet::reschedule();
	}
}

/// The frame pointer of what was interrupted, where code has frame pointers: this is inlined into the handler, which has
/// saved it before all else.
#[cfg(feature = "uio-bpf")]
#[inline(always)]
fn frame_pointer() -> u64 {
	let own: *const u64;
	// SAFETY: only reads a register.
	unsafe { core::arch::asm!("mov {}, rbp", out(reg) own, options(nomem, nostack, preserves_flags)) };
	let stack = core_scheduler().uio_peek_stack();
	if !own.is_aligned() || !stack.is_some_and(|stack| stack.contains(&(own.addr() as u64))) {
		return 0;
	}
	// SAFETY: a word of the task's own stack.
	unsafe { own.read_volatile() }
}
