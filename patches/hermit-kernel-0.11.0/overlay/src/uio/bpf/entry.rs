//! Where traced functions lead to. All the assembly of tracing.
//!
//! A function's site holds `call` [`entry`] while something is attached to the function. Nothing may
//! be taken for granted there: any register may hold an argument, the caller may be an interrupt
//! handler, a loaded program with fewer rights, or what a program calls itself. So the entry
//!
//! - lets programs in ring 3 and programs with the rights of a domain pass untraced,
//! - turns interrupts off, so that the core is this run's until it ends,
//! - marks the core as busy, and lets calls that come from inside pass, counted,
//! - saves what a function of the kernel may change (System V psABI, 3.2.1). The kernel uses no vector
//!   registers.
//!
//! A function whose end is traced too returns to [`exit`], which does the same.

use core::arch::naked_asm;
use core::sync::atomic::AtomicU32;

use crate::arch::core_local::CoreLocal;

/// The most cores on which functions are traced.
pub(super) const CORES: usize = 64;

/// What a core does, one word each, a cache line apart: 0 when it runs no program.
#[repr(align(64))]
pub(super) struct Busy(pub(super) AtomicU32, pub(super) AtomicU32);

/// By core: whether it runs a program, and how many calls passed because of that.
pub(super) static BUSY: [Busy; CORES] =
	[const { Busy(AtomicU32::new(0), AtomicU32::new(0)) }; CORES];

const SHIFT: u32 = size_of::<Busy>().trailing_zeros();

/// Not zero while a program's rights are in force on core 0.
#[cfg(feature = "uio-mpk")]
use uio_mpk::gate::ACTIVE as LOWERED;

#[cfg(not(feature = "uio-mpk"))]
static LOWERED: core::sync::atomic::AtomicU64 = core::sync::atomic::AtomicU64::new(0);

/// Called by the site of a traced function: the return address is behind the site, above it the return
/// address of the function.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn entry() {
	naked_asm!(
		"pushfq",
		"push rax",
		"mov eax, cs",
		"test al, 3",
		"jnz 9f",
		"cli",
		"mov eax, gs:[{core_id}]",
		"test eax, eax",
		"jnz 2f",
		"cmp qword ptr [rip + {lowered}], 0",
		"jne 9f",
		"2:",
		"cmp eax, {cores}",
		"jae 9f",
		"push r10",
		"push r11",
		"shl eax, {shift}",
		"lea r11, [rip + {busy}]",
		"add r11, rax",
		"mov r10d, 1",
		"xchg r10d, [r11]",
		"test r10d, r10d",
		"jnz 8f",
		// The context, from its end: the stack pointer as the function was entered.
		"lea r10, [rsp + 40]",
		"push r10",
		"push r9",
		"push r8",
		"push rcx",
		"push rdx",
		"push rsi",
		"push rdi",
		"mov r10, [rsp + 88]",
		"sub r10, {site}",
		"push r10",
		"mov rdi, rsp",
		"mov rsi, rbp",
		"push rbp",
		"mov rbp, rsp",
		"push r11",
		"and rsp, -16",
		"cld",
		"call {entered}",
		"mov r11, [rbp - 8]",
		"mov rsp, rbp",
		"pop rbp",
		"add rsp, 8",
		"pop rdi",
		"pop rsi",
		"pop rdx",
		"pop rcx",
		"pop r8",
		"pop r9",
		"add rsp, 8",
		"mov dword ptr [r11], 0",
		"pop r11",
		"pop r10",
		"pop rax",
		"popfq",
		"ret",
		"8:",
		"inc dword ptr [r11 + 4]",
		"pop r11",
		"pop r10",
		"9:",
		"pop rax",
		"popfq",
		"ret",
		core_id = const CoreLocal::UIO_CORE_ID,
		lowered = sym LOWERED,
		cores = const CORES,
		shift = const SHIFT,
		busy = sym BUSY,
		site = const super::site::LEN,
		entered = sym super::fire::entered,
	)
}

/// Where a function returns to whose end is traced: rsp is where it was in the caller behind the call.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn exit() {
	naked_asm!(
		// The slot of the return address is this task's again.
		"sub rsp, 8",
		"pushfq",
		"cli",
		"push rax",
		"push rcx",
		"push rdx",
		"push rsi",
		"push rdi",
		"push r8",
		"push r9",
		"push r10",
		"push r11",
		"lea rdi, [rsp + 80]",
		"mov rsi, rax",
		"mov eax, gs:[{core_id}]",
		"shl eax, {shift}",
		"lea r8, [rip + {busy}]",
		"add r8, rax",
		// Before anything is called, which may be traced as well.
		"mov edx, 1",
		"xchg edx, [r8]",
		"mov rcx, rbp",
		"push rbp",
		"mov rbp, rsp",
		"push r8",
		"push rdx",
		"and rsp, -16",
		"cld",
		"call {exited}",
		"mov rdx, [rbp - 16]",
		"mov r8, [rbp - 8]",
		"mov [r8], edx",
		"mov rsp, rbp",
		"pop rbp",
		"mov [rsp + 80], rax",
		"pop r11",
		"pop r10",
		"pop r9",
		"pop r8",
		"pop rdi",
		"pop rsi",
		"pop rdx",
		"pop rcx",
		"pop rax",
		"popfq",
		"ret",
		core_id = const CoreLocal::UIO_CORE_ID,
		shift = const SHIFT,
		busy = sym BUSY,
		exited = sym super::fire::exited,
	)
}
