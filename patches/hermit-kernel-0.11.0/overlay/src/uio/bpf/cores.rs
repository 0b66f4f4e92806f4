//! Changing code that other cores may be executing (Intel SDM volume 3, 9.1.3): they wait meanwhile.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::entry::CORES;
use crate::arch::core_local::{core_id, increment_irq_counter};
use crate::arch::get_processor_count;
use crate::arch::kernel::apic::{self, ipi_tlb_flush};
use crate::arch::kernel::interrupts::{ExceptionStackFrame, IDT};

/// Vector of the kernel's interrupt that has other cores flush their TLBs.
const FLUSH: u8 = 112;

/// How often cores were asked to wait.
static ASKED: AtomicU32 = AtomicU32::new(0);

/// By core: which of these it was that it saw last.
static CAME: [AtomicU32; CORES] = [const { AtomicU32::new(0) }; CORES];

/// Whether cores that come by wait.
static HOLD: AtomicBool = AtomicBool::new(false);

/// The most rounds to wait for other cores: one that does not come has its interrupts off for good.
const ROUNDS: u32 = 1_000_000_000;

/// Calls `work`, which changes code and is short, while no other core executes anything but the handler below. Interrupts are
/// off, and this core is marked as busy, so that `work` itself is not traced.
pub(super) fn exclusively(work: impl FnOnce()) {
	super::quietly(|| {
		if get_processor_count() == 1 {
			work();
			return;
		}
		install();
		HOLD.store(true, Ordering::SeqCst);
		let asked = ASKED.fetch_add(1, Ordering::SeqCst).wrapping_add(1);
		ipi_tlb_flush();
		let own = core_id() as usize;
		let came = |(core, came): (usize, &AtomicU32)| {
			core == own || came.load(Ordering::Acquire) == asked
		};
		let cores = get_processor_count() as usize;
		let all_came = (0..ROUNDS).any(|_| {
			core::hint::spin_loop();
			CAME.iter().take(cores).enumerate().all(came)
		});
		work();
		HOLD.store(false, Ordering::SeqCst);
		if !all_came {
			error!("uio: a core does not answer");
		}
	});
}

/// Stands before the kernel's handler of that interrupt, and does the same and more.
pub(super) fn install() {
	static INSTALLED: AtomicBool = AtomicBool::new(false);
	if INSTALLED.swap(true, Ordering::AcqRel) {
		return;
	}
	let mut idt = IDT.lock();
	// SAFETY: as the kernel's own handler, on the stack that all interrupts have.
	unsafe {
		idt[FLUSH].set_handler_fn(come_by).set_stack_index(0);
	}
}

/// Returning from here serialises (IRET).
extern "x86-interrupt" fn come_by(_: ExceptionStackFrame) {
	increment_irq_counter(FLUSH);
	x86_64::instructions::tlb::flush_all();
	if let Some(came) = CAME.get(core_id() as usize) {
		came.store(ASKED.load(Ordering::SeqCst), Ordering::Release);
	}
	while HOLD.load(Ordering::Acquire) {
		core::hint::spin_loop();
	}
	apic::eoi();
}
