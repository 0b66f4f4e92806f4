//! Faults of programs end the program, not its task.
//!
//! The first run of a program puts a stub in front of the kernel's handler of each exception that
//! a program can raise. A stub asks whether the fault came from a program: if so the run ends, if
//! not the kernel's handler goes on as if nothing had been there.

use core::arch::naked_asm;
use core::sync::atomic::{AtomicU64, Ordering};

use x86_64::registers::control::Cr2;

use super::{Run, idt};
use crate::arch::kernel::interrupts::IDT;

/// Vector of the exception that the instruction INT3 raises.
#[cfg(feature = "uio-bpf")]
const BREAKPOINT: u64 = 3;

/// The kernel's handlers, by vector.
static KERNEL_HANDLERS: [AtomicU64; 32] = [const { AtomicU64::new(0) }; 32];

/// An exception, as far as a report tells of it.
pub(super) struct Exception {
	pub(super) vector: u8,
	pub(super) code: u32,
	pub(super) instruction: u64,
	/// The address of the access, for a page fault.
	pub(super) access: u64,
	pub(super) flags: u64,
	/// By their numbers: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15.
	pub(super) registers: [u64; 16],
}

/// What a stub and the processor (Intel SDM volume 3, 6.14.2) leave on the stack.
#[repr(C)]
struct Stacked {
	/// r15 down to rdi, rsi, rbp, rbx, rdx, rcx, rax.
	registers: [u64; 15],
	/// The error code, where the exception has one, then the processor's frame.
	rest: [u64; 6],
}

/// Asked by every stub. Does not return when the fault is a program's; true if all is done and what was interrupted
/// goes on.
extern "C" fn check(vector: u64, stacked: &mut Stacked, code_len: u64) -> bool {
	#[cfg(feature = "uio-bpf")]
	if vector == BREAKPOINT {
		let [instruction, _, _, stack, ..] = &mut stacked.rest;
		if crate::uio::bpf::breakpoint(instruction, stack) {
			return true;
		}
	} else {
		let instruction = stacked.rest.get(code_len as usize / 8).copied().unwrap_or(0);
		let access = if vector == 14 { Cr2::read_raw() } else { 0 };
		crate::uio::bpf::fault::contain(vector as u8, instruction, access);
	}
	if crate::arch::core_local::core_id() != 0 {
		return false;
	}
	let Some((_, run)) = Run::current() else {
		return false;
	};
	let r = &stacked.registers;
	let frame = |word: usize| stacked.rest.get(word + code_len as usize / 8).copied().unwrap_or(0);
	run.fault(&Exception {
		vector: vector as u8,
		code: if code_len == 0 { 0 } else { stacked.rest[0] as u32 },
		instruction: frame(0),
		access: if vector == 14 { Cr2::read_raw() } else { 0 },
		flags: frame(2),
		registers: [
			r[14], r[13], r[12], r[11], frame(3), r[10], r[9], r[8], r[7], r[6], r[5], r[4], r[3],
			r[2], r[1], r[0],
		],
	});
	false
}

/// A stub for a vector. `$code` is the size of the error code that the processor pushes for it.
macro_rules! stub {
	($name:ident, $vector:literal, $code:literal) => {
		#[unsafe(naked)]
		unsafe extern "C" fn $name() {
			naked_asm!(
				"push rax",
				"mov eax, {code} << 8 | {vector}",
				"jmp {any}",
				code = const $code,
				vector = const $vector,
				any = sym any,
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

/// Where all stubs go: eax has the vector and the size of the error code, the stack what was in it.
#[unsafe(naked)]
unsafe extern "C" fn any() {
	naked_asm!(
		"push rcx",
		"push rdx",
		"push rbx",
		"push rbp",
		"push rsi",
		"push rdi",
		"push r8",
		"push r9",
		"push r10",
		"push r11",
		"push r12",
		"push r13",
		"push r14",
		"push r15",
		"mov rbp, rsp",
		"movzx ebx, al",
		"mov edi, ebx",
		"mov rsi, rsp",
		"movzx edx, ah",
		"and rsp, -16",
		"cld",
		"call {check}",
		"mov rsp, rbp",
		"test al, al",
		"jnz 2f",
		"lea rax, [rip + {handlers}]",
		"mov rax, [rax + 8 * rbx]",
		// In place of rax, which comes last; the handler finds the stack as it was.
		"xchg rax, [rsp + 112]",
		"mov [rsp - 8], rax",
		"pop r15",
		"pop r14",
		"pop r13",
		"pop r12",
		"pop r11",
		"pop r10",
		"pop r9",
		"pop r8",
		"pop rdi",
		"pop rsi",
		"pop rbp",
		"pop rbx",
		"pop rdx",
		"pop rcx",
		"mov rax, [rsp - 120]",
		"ret",
		// Only exceptions without an error code are done with.
		"2:",
		"pop r15",
		"pop r14",
		"pop r13",
		"pop r12",
		"pop r11",
		"pop r10",
		"pop r9",
		"pop r8",
		"pop rdi",
		"pop rsi",
		"pop rbp",
		"pop rbx",
		"pop rdx",
		"pop rcx",
		"pop rax",
		"iretq",
		check = sym check,
		handlers = sym KERNEL_HANDLERS,
	)
}

/// Whether an address is that of a handler before which a stub stands.
#[cfg(feature = "uio-bpf")]
pub(in crate::uio) fn is_kernels_handler(address: u64) -> bool {
	KERNEL_HANDLERS.iter().any(|handler| handler.load(Ordering::Relaxed) == address)
}

/// Puts the stubs in front of the kernel's handlers.
pub(super) fn install() {
	let stubs: [(usize, unsafe extern "C" fn()); 13] = [
		(0, divide_error),
		(1, debug),
		(3, breakpoint),
		(4, overflow),
		(5, bound_range),
		(6, invalid_opcode),
		(11, segment_not_present),
		(12, stack_segment),
		(13, general_protection),
		(14, page_fault),
		(16, x87_floating_point),
		(17, alignment_check),
		(19, simd_floating_point),
	];
	let mut table = IDT.lock();
	let gates = idt::gates(&mut table);
	for (vector, stub) in stubs {
		// The stub ends in the handler that was there, with its stack as it was.
		let gate = &mut gates[vector];
		KERNEL_HANDLERS[vector].store(gate.handler(), Ordering::Relaxed);
		gate.set_handler(stub as *const () as u64);
	}
}

/// Sends the interrupted program at the top of an interrupt stack to its end, if it was interrupted
/// at an instruction for which `inside` holds. `top` is the end of the interrupt stack of its task,
/// which is not running.
pub(super) fn redirect(top: u64, inside: impl Fn(u64) -> bool) -> bool {
	// The processor aligns the stack to 16 bytes and pushes five words, rip last.
	let frame = core::ptr::with_exposed_provenance_mut::<u64>(((top & !15) - 40) as usize);
	// SAFETY: the memory just below `top` is that task's mapped interrupt stack, and the task
	// cannot run while this does.
	let instruction = unsafe { &mut *frame };
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
		"call {ended}",
		"ud2",
		ended = sym super::end_from_outside,
	)
}
