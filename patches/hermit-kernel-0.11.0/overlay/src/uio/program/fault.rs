//! Faults of programs end the program, not its task.
//!
//! The first run of a program puts a stub in front of the kernel's handler of each exception that
//! a program can raise. A stub asks whether the fault came from a program: if so the run ends, if
//! not the kernel's handler goes on as if nothing had been there.

use core::arch::naked_asm;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use x86_64::VirtAddr;
use x86_64::registers::control::Cr2;

use super::enter;
use crate::arch::kernel::interrupts::IDT;

/// The kernel's handlers, by vector.
static KERNEL_HANDLERS: [AtomicU64; 32] = [const { AtomicU64::new(0) }; 32];

/// What the processor pushes (Intel SDM volume 3, 6.14.2), as far as it is looked at.
#[repr(C)]
struct Frame {
	instruction: u64,
	code_segment: u64,
	flags: u64,
	stack: u64,
}

/// Asked by every stub. Does not return when the fault is a program's.
extern "C" fn check(vector: u64, frame: *const Frame) {
	// SAFETY: the stubs pass the address of the frame that the processor pushed.
	let instruction = unsafe { (*frame).instruction };
	let access = if vector == 14 {
		Cr2::read_raw()
	} else {
		0
	};
	super::faulted(vector as u8, instruction, access);
}

/// A stub for a vector. `$code` is the size of the error code that the processor pushes for it.
macro_rules! stub {
	($name:ident, $vector:literal, $code:literal) => {
		#[unsafe(naked)]
		unsafe extern "C" fn $name() {
			naked_asm!(
				"push rax",
				"push rcx",
				"push rdx",
				"push rsi",
				"push rdi",
				"push r8",
				"push r9",
				"push r10",
				"push r11",
				"push rbp",
				"mov rbp, rsp",
				"lea rsi, [rsp + 80 + {code}]",
				"mov edi, {vector}",
				"and rsp, -16",
				"cld",
				"call {check}",
				"mov rsp, rbp",
				"pop rbp",
				"pop r11",
				"pop r10",
				"pop r9",
				"pop r8",
				"pop rdi",
				"pop rsi",
				"pop rdx",
				"pop rcx",
				"pop rax",
				"jmp qword ptr [rip + {handlers} + 8 * {vector}]",
				code = const $code,
				vector = const $vector,
				check = sym check,
				handlers = sym KERNEL_HANDLERS,
			)
		}
	};
}

stub!(divide_error, 0, 0);
stub!(debug, 1, 0);
stub!(breakpoint, 3, 0);
stub!(overflow, 4, 0);
stub!(bound_range, 5, 0);
stub!(invalid_opcode, 6, 0);
stub!(segment_not_present, 11, 8);
stub!(stack_segment, 12, 8);
stub!(general_protection, 13, 8);
stub!(page_fault, 14, 8);
stub!(x87_floating_point, 16, 0);
stub!(alignment_check, 17, 8);
stub!(simd_floating_point, 19, 0);

/// Puts the stubs in front of the kernel's handlers, once.
pub(super) fn install() {
	static INSTALLED: AtomicBool = AtomicBool::new(false);
	if INSTALLED.swap(true, Ordering::AcqRel) {
		return;
	}
	let mut idt = IDT.lock();
	macro_rules! put {
		($($vector:literal $field:ident $stub:ident),* $(,)?) => { $({
			let entry = &mut idt.$field;
			KERNEL_HANDLERS[$vector].store(entry.handler_addr().as_u64(), Ordering::Relaxed);
			// SAFETY: the stub ends in the handler that was there, with its stack as it was, and
			// keeps that handler's entry in the interrupt stack table.
			unsafe {
				entry
					.set_handler_addr(VirtAddr::from_ptr($stub as *const ()))
					.set_stack_index(0);
			}
		})* };
	}
	put! {
		0 divide_error divide_error,
		1 debug debug,
		3 breakpoint breakpoint,
		4 overflow overflow,
		5 bound_range_exceeded bound_range,
		6 invalid_opcode invalid_opcode,
		11 segment_not_present segment_not_present,
		12 stack_segment_fault stack_segment,
		13 general_protection_fault general_protection,
		14 page_fault page_fault,
		16 x87_floating_point x87_floating_point,
		17 alignment_check alignment_check,
		19 simd_floating_point simd_floating_point,
	}
}

/// Sends the interrupted program at the top of an interrupt stack to [`ended_from_outside`], if it
/// was interrupted at an instruction for which `inside` holds. `top` is the end of the interrupt
/// stack of its task, which is not running.
pub(super) fn redirect(top: u64, inside: impl Fn(u64) -> bool) -> bool {
	// The processor aligns the stack to 16 bytes and pushes five words.
	let frame = core::ptr::with_exposed_provenance_mut::<Frame>(((top & !15) - 40) as usize);
	// SAFETY: the memory just below `top` is that task's mapped interrupt stack, and the task
	// cannot run while this does.
	let instruction = unsafe { &mut (*frame).instruction };
	if !inside(*instruction) {
		return false;
	}
	*instruction = ended_from_outside as *const () as u64;
	true
}

/// Where a program goes that was ended from outside. Its stack pointer may be anything.
#[unsafe(naked)]
unsafe extern "C" fn ended_from_outside() {
	naked_asm!(
		"and rsp, -16",
		"call {interrupted}",
		"ud2",
		interrupted = sym super::end_interrupted,
	)
}

/// Ends the run whose origin is given.
pub(super) fn unwind(origin: usize) -> ! {
	// SAFETY: the callers looked up the run of the current task, which is in progress, and faults
	// and interrupts are only taken for the program's own while it runs its own code.
	unsafe { enter::leave(origin, 0) }
}
