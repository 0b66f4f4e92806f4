//! Changing code that other cores may be executing (Intel SDM volume 3, 9.1.3).

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use hermit_sync::without_interrupts;

use super::entry::CORES;
use super::site::{self, LEN};
use crate::arch::core_local::core_id;
use crate::arch::get_processor_count;
use crate::arch::kernel::apic::{self, ipi_tlb_flush};
use crate::arch::kernel::interrupts::{ExceptionStackFrame, IDT};

/// Vector of the kernel's interrupt that has other cores flush their TLBs.
const FLUSH: u8 = 112;

/// The breakpoint instruction.
const BREAKPOINT: u8 = 0xcc;

/// The site that is being changed; 0 for none.
static CHANGING: AtomicU64 = AtomicU64::new(0);

/// How often cores were asked to come by.
static ASKED: AtomicU32 = AtomicU32::new(0);

/// By core: which of these it was that it saw last. Interrupts that somebody else caused count as well as ours.
static CAME: [AtomicU32; CORES] = [const { AtomicU32::new(0) }; CORES];

/// The most rounds to wait for other cores: one that does not come has its interrupts off for good.
const ROUNDS: u32 = 100_000_000;

/// Puts other bytes at a site.
pub(super) fn write(at: u64, bytes: [u8; LEN]) {
	without_interrupts(|| {
		let within = (at % 8) as usize;
		if within + LEN <= 8 {
			let mut word = site::read::<8>(at - within as u64);
			word[within..within + LEN].copy_from_slice(&bytes);
			// An aligned word is stored at once.
			site::put_word(at - within as u64, u64::from_le_bytes(word));
			ask();
			return;
		}
		install();
		// Whoever comes by meanwhile raises a breakpoint.
		crate::uio::program::install();
		CHANGING.store(at, Ordering::SeqCst);
		let [first, rest @ ..] = bytes;
		site::put(at, &[BREAKPOINT]);
		ask();
		site::put(at + 1, &rest);
		ask();
		site::put(at, &[first]);
		ask();
		CHANGING.store(0, Ordering::SeqCst);
	});
}

/// Whether a breakpoint at an address is that of a site that is being changed: then what was there is passed over.
pub(super) fn is_changing(at: u64) -> bool {
	CHANGING.load(Ordering::SeqCst) == at
}

/// Has every other core come by, which takes notice of changed code on its way.
pub(super) fn ask() {
	if get_processor_count() == 1 {
		return;
	}
	install();
	let asked = ASKED.fetch_add(1, Ordering::SeqCst).wrapping_add(1);
	ipi_tlb_flush();
	let own = core_id() as usize;
	let all = CAME.iter().take(get_processor_count() as usize).enumerate();
	let others = || all.clone().filter(|&(core, _)| core != own);
	for _ in 0..ROUNDS {
		if others().all(|(_, came)| came.load(Ordering::Acquire) == asked) {
			return;
		}
		core::hint::spin_loop();
	}
	error!("uio: a core does not answer");
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
	crate::arch::core_local::increment_irq_counter(FLUSH);
	x86_64::instructions::tlb::flush_all();
	if let Some(came) = CAME.get(core_id() as usize) {
		came.store(ASKED.load(Ordering::SeqCst), Ordering::Release);
	}
	apic::eoi();
}
