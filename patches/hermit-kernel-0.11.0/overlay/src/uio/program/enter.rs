//! Entering a program and leaving it from wherever it is.

use core::arch::naked_asm;

/// Where [`enter`] was called from: its stack pointer, with the registers that a function must
/// preserve (System V psABI x86-64, 3.2.1) saved above it.
#[repr(transparent)]
pub(super) struct Origin(pub(super) usize);

/// Calls `function(a, b)`, so that [`leave`] can end the call from within it. Returns what the
/// function returns, or what `leave` was given; the second word tells which.
///
/// # Safety
///
/// `function` must be callable with these arguments, and `origin` writable until it has ended.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn enter(
	origin: *mut Origin,
	function: usize,
	a: usize,
	b: usize,
) -> Ended {
	naked_asm!(
		"push rbx",
		"push rbp",
		"push r12",
		"push r13",
		"push r14",
		"push r15",
		"sub rsp, 8",
		"mov [rdi], rsp",
		"mov rax, rsi",
		"mov rdi, rdx",
		"mov rsi, rcx",
		"call rax",
		"xor edx, edx",
		"add rsp, 8",
		"pop r15",
		"pop r14",
		"pop r13",
		"pop r12",
		"pop rbp",
		"pop rbx",
		"ret",
	)
}

/// How a call through [`enter`] ended; returned in rax and rdx.
#[repr(C)]
pub(super) struct Ended {
	/// What the function returned, or what [`leave`] was given.
	pub(super) value: u64,
	/// 0 when the function returned by itself, 1 when [`leave`] ended it.
	pub(super) left: u64,
}

/// Ends the call through [`enter`] that filled in `origin`, with `value`. Turns interrupts on.
///
/// # Safety
///
/// That call must be in progress on the calling task, and nothing that runs above it on the stack
/// may hold a lock.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn leave(origin: usize, value: u64) -> ! {
	naked_asm!(
		"mov rsp, rdi",
		"mov rax, rsi",
		"mov edx, 1",
		"cld",
		"sti",
		"add rsp, 8",
		"pop r15",
		"pop r14",
		"pop r13",
		"pop r12",
		"pop rbp",
		"pop rbx",
		"ret",
	)
}
