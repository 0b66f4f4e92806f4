//! Message-signalled interrupts of the overlay's devices.
//!
//! The kernel's drivers share edge-triggered lines. The overlay's devices use MSI-X instead, one
//! vector each: nothing is lost on a shared line, and no status register has to be read.

use core::arch::x86_64::__cpuid;

use crate::arch::core_local::increment_irq_counter;
use crate::arch::kernel::apic;
use crate::arch::kernel::interrupts::{self, ExceptionStackFrame, IDT};
use crate::uio::quiet;

/// Interrupt vectors of the overlay. The kernel uses those from 32 on for its lines, and 112,
/// 121, 123, 126 and 127.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Vector {
	/// The console has used a buffer.
	Console = 100,
	/// The share has answered.
	Share = 101,
}

/// Message address and data (Intel SDM volume 3, 11.11) that raise `vector` on the core that
/// calls this.
pub(super) fn message(vector: Vector) -> (u32, u32) {
	// The initial local APIC id (CPUID leaf 1, EBX bits 31 to 24).
	let apic_id = __cpuid(1).ebx >> 24;
	(0xfee0_0000 | (apic_id << 12), vector as u32)
}

extern "x86-interrupt" fn console(_: ExceptionStackFrame) {
	increment_irq_counter(Vector::Console as u8);
	apic::eoi();
	quiet::woken();
	super::console::on_interrupt();
}

extern "x86-interrupt" fn share(_: ExceptionStackFrame) {
	increment_irq_counter(Vector::Share as u8);
	super::share::on_interrupt();
	apic::eoi();
	quiet::woken();
	quiet::reschedule();
}

/// Installs the handler of `vector`.
pub(super) fn install(vector: Vector) {
	let (handler, name): (extern "x86-interrupt" fn(_), _) = match vector {
		Vector::Console => (console, "uio-console"),
		Vector::Share => (share, "uio-share"),
	};
	// SAFETY: stack 0 of the interrupt stack table is the one for every interrupt of this kernel.
	unsafe {
		IDT.lock()[vector as u8]
			.set_handler_fn(handler)
			.set_stack_index(0);
	}
	interrupts::add_irq_name(vector as u8 - 32, name);
}
