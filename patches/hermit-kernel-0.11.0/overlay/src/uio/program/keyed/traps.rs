//! What the processor has to know so that programs can have rights of their own: set up before the
//! first run, on the core on which programs run.

use alloc::boxed::Box;
use core::arch::asm;
use core::sync::atomic::Ordering;

use hermit_sync::OnceCell;
use uio_mpk::domain::{Domain, Saved};
use uio_mpk::gate::{self, HANDLERS, Kernel};
use uio_mpk::rights::Key;
use x86_64::PrivilegeLevel::Ring3;
use x86_64::VirtAddr;
use x86_64::instructions::tables::{lgdt, lidt, sgdt};
use x86_64::registers::control::{Cr4, Cr4Flags};
use x86_64::registers::model_specific::{LStar, Msr, SFMask, Star};
use x86_64::registers::rflags::RFlags;
use x86_64::structures::DescriptorTablePointer;
use x86_64::structures::gdt::{Descriptor, DescriptorFlags, SegmentSelector};

use super::super::config::{Backend, backend};
use super::super::idt::{self, Gate};
use super::super::{Run, exports, pages};
use super::reveal;
use crate::arch::core_local::{CoreLocal, core_scheduler, increment_irq_counter};
use crate::arch::kernel::interrupts::{ExceptionStackFrame, IDT};

/// Vector of the exception that a use of the floating-point unit raises.
const DEVICE_NOT_AVAILABLE: usize = 7;

/// Sets everything up, once.
pub(super) fn install() {
	static INSTALLED: OnceCell<()> = OnceCell::new();
	INSTALLED.get_or_init(|| {
		let pks = backend() == Backend::Pks;
		gate::set_kernel(&Kernel {
			pks,
			exception,
			ended,
			may_call,
		});
		super::super::interface::set_calls();
		if pks {
			open_exception_stacks();
			// SAFETY: the processor has PKS, and no key denies anything yet.
			unsafe {
				Msr::new(gate::IA32_PKRS).write(0);
				// CR4.PKS, which the crate has no name for.
				let flags = Cr4::read_raw() | 1 << 24;
				Cr4::write_raw(flags);
			}
		} else {
			// SAFETY: the processor has PKU. Nothing executed user pages in ring 0 up to now, so
			// that PKRU, cleared at once, has denied nothing.
			unsafe {
				Cr4::update(|flags| flags.insert(Cr4Flags::PROTECTION_KEY_USER));
				gate::clear_pkru();
			}
			open_ring_3();
		}
		stand_before_handlers();
	});
}

/// Adds segments for ring 3 to this core's GDT, and lets `syscall` arrive at the gate.
fn open_ring_3() {
	let Descriptor::UserSegment(data) = Descriptor::user_data_segment() else {
		return;
	};
	let code = DescriptorFlags::USER_CODE64.bits();
	let old = sgdt();
	let mut table = Box::new([0_u64; 7]);
	let entries = (usize::from(old.limit) + 1) / 8;
	for (index, entry) in table.iter_mut().take(entries.min(5)).enumerate() {
		// SAFETY: the processor uses the table, so it is there.
		*entry = unsafe { old.base.as_ptr::<u64>().add(index).read() };
	}
	table[5] = data;
	table[6] = code;
	let table = Box::leak(table);
	let pointer = DescriptorTablePointer {
		limit: (size_of_val(table) - 1) as u16,
		base: VirtAddr::from_ptr(table),
	};
	// SAFETY: the new table has what the old one had at the same places, and lives for ever.
	unsafe { lgdt(&pointer) };
	let set = Star::write(
		SegmentSelector::new(6, Ring3),
		SegmentSelector::new(5, Ring3),
		SegmentSelector::new(1, x86_64::PrivilegeLevel::Ring0),
		SegmentSelector::new(2, x86_64::PrivilegeLevel::Ring0),
	);
	if set.is_err() {
		error!("uio: the segments of ring 3 are not in order");
	}
	LStar::write(VirtAddr::new(gate::enter_by_syscall()));
	SFMask::write(
		RFlags::INTERRUPT_FLAG
			| RFlags::TRAP_FLAG
			| RFlags::DIRECTION_FLAG
			| RFlags::ALIGNMENT_CHECK
			| RFlags::NESTED_TASK,
	);
}

/// The stacks of exceptions that do not use the task's own (double fault, NMI, machine check): with
/// PKS the processor writes them with the rights of a program.
fn open_exception_stacks() {
	// SAFETY: this core's TSS is there, and nobody changes it meanwhile.
	let tss = unsafe { &*CoreLocal::get().tss.get() };
	// The structure is packed.
	let stacks = tss.interrupt_stack_table;
	for top in stacks.iter().skip(1) {
		let top = top.as_u64() as usize;
		if top != 0 {
			let page = (top - 1) & !(pages::PAGE - 1);
			super::set_key(page..page + pages::PAGE, Key::EXCEPTIONS);
		}
	}
}

/// Puts the gate in front of every handler, on this core: the others go on with the kernel's table.
fn stand_before_handlers() {
	let table = Box::leak(Box::new([const { Gate::EMPTY }; 256]));
	table.copy_from_slice(idt::gates(&mut IDT.lock()));
	for (vector, gate) in (0..=255).zip(table.iter_mut()) {
		HANDLERS[usize::from(vector)].store(gate.handler(), Ordering::Relaxed);
		gate.set_handler(gate::vector(vector));
		// Breakpoint and overflow are raised by instructions that ring 3 may use.
		if matches!(vector, 3 | 4) {
			gate.open_to_ring_3();
		}
	}
	HANDLERS[DEVICE_NOT_AVAILABLE].store(first_floating as *const () as u64, Ordering::Relaxed);
	let pointer = DescriptorTablePointer {
		limit: (size_of_val(table) - 1) as u16,
		base: VirtAddr::from_ptr(table),
	};
	// SAFETY: the table lives for ever, and has an entry for whatever the kernel's has one for.
	unsafe { lidt(&pointer) };
}

/// Whether an address is that of the handler below.
#[cfg(feature = "uio-bpf")]
pub(in crate::uio::program) fn is_handler(address: u64) -> bool {
	address == first_floating as *const () as u64
}

/// The first use of the floating-point unit since the task runs, or since a program began: in its code
/// or in what it called. As the kernel's handler, which takes no notes.
extern "x86-interrupt" fn first_floating(_: ExceptionStackFrame) {
	increment_irq_counter(DEVICE_NOT_AVAILABLE as u8);
	if let Some((_, run)) = Run::current() {
		run.keyed.domain.note_floating();
	}
	// SAFETY: the state is made the current task's at once.
	unsafe { asm!("clts", options(nomem, nostack)) };
	core_scheduler().fpu_switch();
}

/// An exception of a program in its own code.
extern "C" fn exception(_: &Domain, saved: &Saved) {
	const PAGE_FAULT: u8 = 14;
	let access = match saved.vector() {
		PAGE_FAULT => x86_64::registers::control::Cr2::read_raw(),
		_ => 0,
	};
	if saved.vector() == PAGE_FAULT
		&& backend() == Backend::Pku
		&& reveal::reveal(access as usize, saved.code())
	{
		return;
	}
	if let Some((_, run)) = Run::current() {
		run.fault(&super::super::fault::Exception {
			vector: saved.vector(),
			code: saved.code(),
			instruction: saved.instruction(),
			access,
			flags: saved.flags(),
			registers: saved.general(),
		});
	}
}

extern "C" fn ended(_: &Domain) -> ! {
	super::super::end_from_outside()
}

/// Whether the calling program may call a function.
extern "C" fn may_call(function: u64) -> isize {
	let Some((_, run)) = Run::current() else {
		return -(crate::errno::EPERM as isize);
	};
	match exports::may_call(run.policy(), function) {
		Ok(()) => {
			run.keyed.domain.allow(function);
			0
		}
		Err(errno) => -(errno as isize),
	}
}
