//! Crossing between a program's rights and the kernel's. All the assembly of this crate.
//!
//! A program runs with the rights of its [`Domain`] and on a stack of its own. Four ways lead out of
//! it, and each raises the rights before it touches memory that is not the program's:
//!
//! - a call of the interface: with PKU `syscall` from ring 3 to [`enter_by_syscall`], with PKS a jump
//!   in ring 0 to [`enter_by_jump`];
//! - an interrupt or exception: every vector goes through an entry of [`vector`];
//! - the return of the function that [`enter`] called, which is a call of the interface too;
//! - its end by another task: [`Domain::end`].
//!
//! [`active_heap`] and the assembly know from `ACTIVE` whether a program's rights are in force on
//! this core. Programs run on one core only, so there is one of it.
//!
//! Ring 3 may execute WRPKRU where it finds it. So all of this lies in pages of its own, which are
//! never shown to programs.

#![allow(unsafe_code)]

use core::arch::global_asm;
use core::mem::offset_of;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use crate::domain::{Domain, Saved};

/// How many calls the interface of programs can have: their numbers are bytes.
pub const CALLS: usize = 256;

/// The call with which a program's function returns to [`enter`]; its argument is the value.
pub const RETURN: u32 = 0;

/// The call `uio_gate_call(a, b, c, d, e, function)`: calls a function of the image with full rights.
/// The function comes last, so that its arguments are where it expects them.
pub const GATE: u32 = 1;

/// `IA32_PKRS` (Intel SDM volume 4, table 2-2).
pub const IA32_PKRS: u32 = 0x6e1;

/// The domain whose rights are in force.
pub static ACTIVE: AtomicPtr<Domain> = AtomicPtr::new(ptr::null_mut());

/// Which register has the rights: 0 PKRU, 1 IA32_PKRS.
static REGISTER: AtomicU32 = AtomicU32::new(0);

/// The handlers that the entries of [`vector`] stand before, by vector.
pub static HANDLERS: [AtomicU64; 256] = [const { AtomicU64::new(0) }; 256];

/// The functions of the interface by number.
static INTERFACE: [AtomicUsize; CALLS] = [const { AtomicUsize::new(0) }; CALLS];

/// What the kernel's side does.
#[derive(Clone, Copy, Debug)]
pub struct Kernel {
    /// Which register has the rights.
    pub pks: bool,
    /// Asked for every exception of a program in its own code, with the rights raised and
    /// interrupts off. When it returns, the program goes on.
    pub exception: extern "C" fn(&Domain, &Saved),
    /// Called when a program is to be ended, on the kernel's stack.
    pub ended: extern "C" fn(&Domain) -> !,
    /// Asked whether a program may call a function through the gate: 0 or an error number. Called
    /// with full rights.
    pub may_call: extern "C" fn(function: u64) -> isize,
}

static EXCEPTION: AtomicUsize = AtomicUsize::new(0);
static ENDED: AtomicUsize = AtomicUsize::new(0);
static MAY_CALL: AtomicUsize = AtomicUsize::new(0);

/// Tells the gate what the kernel's side does.
pub fn set_kernel(kernel: &Kernel) {
    REGISTER.store(kernel.pks.into(), Ordering::Relaxed);
    EXCEPTION.store(kernel.exception as usize, Ordering::Relaxed);
    ENDED.store(kernel.ended as usize, Ordering::Relaxed);
    MAY_CALL.store(kernel.may_call as usize, Ordering::Relaxed);
    for call in &INTERFACE {
        call.store(no_such_call as *const () as usize, Ordering::Relaxed);
    }
    set_call(RETURN, uio_gate_returned as *const () as usize);
}

/// Makes a function (System V psABI, at most six integer arguments) the call of that number.
pub fn set_call(number: u32, function: usize) {
    if let Some(call) = INTERFACE.get(number as usize) {
        call.store(function, Ordering::Relaxed);
    }
}

pub(crate) extern "C" fn no_such_call() -> isize {
    // ENOSYS of Linux.
    -38
}

/// How a call through [`enter`] ended; returned in rax and rdx.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// What the function returned, or what [`leave`] was given.
    pub value: u64,
    /// 0 when the function returned by itself, 1 when [`leave`] ended it.
    pub left: u64,
}

/// The heap of the program whose rights are in force; 0 when it has none. May be called with those
/// rights.
#[must_use]
pub fn active_heap() -> usize {
    let domain = ACTIVE.load(Ordering::Relaxed);
    // SAFETY: a domain whose rights are in force is alive.
    unsafe { domain.as_ref() }.map_or(0, |domain| domain.heap.load(Ordering::Relaxed))
}

/// Puts the floating-point unit of the current task into the state that a new task has (Intel SDM
/// volume 1, 8.1.5 and 11.6.4), and zeroes its vector registers.
///
/// # Safety
///
/// CR4.OSFXSR must be set, and with `avx` the processor must have AVX and XCR0 enable it.
pub unsafe fn reset_floating_point(avx: bool) {
    static MXCSR: u32 = 0x1f80;
    // SAFETY: the caller's obligation; clobbered registers are declared.
    unsafe {
        core::arch::asm!(
            "fninit",
            "ldmxcsr [rip + {mxcsr}]",
            "test {avx:e}, {avx:e}",
            "jz 2f",
            "vzeroall",
            "jmp 3f",
            "2:",
            "xorps xmm0, xmm0", "xorps xmm1, xmm1", "xorps xmm2, xmm2", "xorps xmm3, xmm3",
            "xorps xmm4, xmm4", "xorps xmm5, xmm5", "xorps xmm6, xmm6", "xorps xmm7, xmm7",
            "xorps xmm8, xmm8", "xorps xmm9, xmm9", "xorps xmm10, xmm10", "xorps xmm11, xmm11",
            "xorps xmm12, xmm12", "xorps xmm13, xmm13", "xorps xmm14, xmm14", "xorps xmm15, xmm15",
            "3:",
            mxcsr = sym MXCSR,
            avx = in(reg) u32::from(avx),
            options(nostack),
        );
    }
}

unsafe extern "C" {
    fn uio_gate_enter(domain: &Domain, function: u64, a: usize, b: usize, stack: usize) -> Ended;
    fn uio_gate_leave(domain: &Domain, value: u64) -> !;
    fn uio_gate_clear_pkru();
    fn uio_gate_returned();
    fn uio_gate_syscall();
    fn uio_gate_jump();
    fn uio_gate_vectors();
}

/// Sets PKRU to 0: every key may be read and written.
///
/// # Safety
///
/// CR4.PKE must be set.
pub unsafe fn clear_pkru() {
    // SAFETY: the caller's obligation; the function changes nothing else.
    unsafe { uio_gate_clear_pkru() }
}

/// Calls `function(a, b)` of a program with the rights of `domain` on the stack whose pointer is
/// `stack`; the word there must be the address of code that makes the call [`RETURN`].
///
/// # Safety
///
/// The kernel's side must be set, `domain` prepared, alive and used by nobody else until this
/// returns. Only on the core on which programs run.
pub unsafe fn enter(domain: &Domain, function: u64, a: usize, b: usize, stack: usize) -> Ended {
    // SAFETY: the caller's obligations.
    unsafe { uio_gate_enter(domain, function, a, b, stack) }
}

/// Ends the call through [`enter`] that `domain` is in, with `value`. Turns interrupts on.
///
/// # Safety
///
/// That call must be in progress on the calling task, the kernel's rights in force, and nothing that
/// runs above it on the stack may hold a lock.
pub unsafe fn leave(domain: &Domain, value: u64) -> ! {
    // SAFETY: the caller's obligations.
    unsafe { uio_gate_leave(domain, value) }
}

/// Where a program of ring 3 arrives with `syscall`: interrupts are off, rcx has where it comes
/// from, rax the number of the call, the arguments are in rdi, rsi, rdx, r10, r8 and r9. The
/// kernel's stack has no key that counts (its pages are the supervisor's).
#[must_use]
pub fn enter_by_syscall() -> u64 {
    uio_gate_syscall as *const () as u64
}

/// Where a program of ring 0 arrives by a jump; what it pushed last is where it comes from.
/// Otherwise as [`enter_by_syscall`].
#[must_use]
pub fn enter_by_jump() -> u64 {
    uio_gate_jump as *const () as u64
}

/// Bytes between one vector's entry and the next.
const VECTOR_LEN: usize = 8;

/// Address of the entry for a vector.
#[must_use]
pub fn vector(number: u8) -> u64 {
    uio_gate_vectors as *const () as u64 + VECTOR_LEN as u64 * u64::from(number)
}

global_asm!(
    ".pushsection .text.uio_gate, \"ax\", @progbits",
    ".balign 4096",
    // Sets PKRU to 0.
    ".globl uio_gate_clear_pkru",
    "uio_gate_clear_pkru:",
    "xor eax, eax",
    "xor ecx, ecx",
    "xor edx, edx",
    "wrpkru",
    "ret",
    // An entry for each vector: pushes the vector's number.
    ".balign 8",
    ".globl uio_gate_vectors",
    "uio_gate_vectors:",
    ".set uio_vector, 0",
    ".rept 256",
    ".balign {len}",
    // An immediate byte is extended by its sign, so that this always has two bytes.
    ".byte 0x6a, uio_vector",
    "jmp uio_gate_any_vector",
    ".set uio_vector, uio_vector + 1",
    ".endr",
    // Every interrupt and exception. Without a program's rights in force the kernel's handler goes on
    // as if nothing had been there.
    "uio_gate_any_vector:",
    "cmp qword ptr [rip + {active}], 0",
    "jne 2f",
    "push rax",
    "push rcx",
    "movzx eax, byte ptr [rsp + 16]",
    "lea rcx, [rip + {handlers}]",
    "mov rax, [rcx + 8 * rax]",
    "mov [rsp + 16], rax",
    "pop rcx",
    "pop rax",
    "ret",
    "2:",
    "push rax",
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
    "cld",
    "mov rbx, [rip + {active}]",
    "xor eax, eax",
    "xor edx, edx",
    "cmp dword ptr [rip + {register}], 0",
    "jne 3f",
    "xor ecx, ecx",
    "wrpkru",
    "mov rax, [rbx + {gs}]",
    "wrgsbase rax",
    "mov rax, [rbx + {fs}]",
    "wrfsbase rax",
    "jmp 4f",
    "3:",
    "mov ecx, {pkrs}",
    "wrmsr",
    "4:",
    "mov qword ptr [rip + {active}], 0",
    "mov [rbx + {saved}], rsp",
    "movzx esi, byte ptr [rsp + 120]",
    "mov [rsp + 120], rsi",
    "mov rbp, rsp",
    "and rsp, -16",
    "cmp esi, 32",
    "jae 6f",
    "cmp esi, 7",
    "je 6f",
    "cmp esi, 2",
    "je 6f",
    "cmp esi, 18",
    "je 6f",
    "mov rdi, rbx",
    "mov rsi, rbp",
    "call [rip + {exception}]",
    "mov rsp, rbp",
    "jmp 7f",
    // The kernel's handler, with a frame that brings it back here.
    "6:",
    "push {data_segment}",
    "push rbp",
    "pushfq",
    "push {code_segment}",
    "lea rax, [rip + 7f]",
    "push rax",
    "lea rax, [rip + {handlers}]",
    "jmp [rax + 8 * rsi]",
    "7:",
    "mov qword ptr [rbx + {saved}], 0",
    "cmp dword ptr [rbx + {ending}], 0",
    "jne 9f",
    "mov [rip + {active}], rbx",
    "mov eax, [rbx + {rights}]",
    "xor edx, edx",
    "cmp dword ptr [rip + {register}], 0",
    "jne 8f",
    "xor ecx, ecx",
    "wrpkru",
    "jmp 10f",
    "8:",
    "mov ecx, {pkrs}",
    "wrmsr",
    "10:",
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
    "cmp byte ptr [rsp], 14",
    "lea rsp, [rsp + 8]",
    "jne 11f",
    "lea rsp, [rsp + 8]",
    "11:",
    "iretq",
    "9:",
    "mov r9, rbx",
    "jmp uio_gate_end",
    // A call from ring 3. Until the rights are raised only the kernel's stack may be written, whose
    // pages are the supervisor's.
    ".globl uio_gate_syscall",
    "uio_gate_syscall:",
    "mov r11, [rip + {active}]",
    "test r11, r11",
    "jz 5f",
    "xchg rsp, r11",
    "mov rsp, [rsp + {kernel_stack}]",
    "push r11",
    "push rcx",
    "push rdx",
    "movzx r11d, al",
    "xor eax, eax",
    "xor ecx, ecx",
    "xor edx, edx",
    "wrpkru",
    "pop rdx",
    "mov rax, [rip + {active}]",
    // Ring 3 can change both.
    "mov rcx, [rax + {gs}]",
    "wrgsbase rcx",
    "mov rcx, [rax + {fs}]",
    "wrfsbase rcx",
    "mov qword ptr [rip + {active}], 0",
    "push rbp",
    "push rax",
    "cmp r11d, {gate}",
    "jne 6f",
    // The call [`GATE`]: r9 has the function. A value goes back in rax, an error number in rdx.
    "cmp r9, [rax + {allowed}]",
    "jne 7f",
    "8:",
    "mov [rax + {called}], r9",
    "mov rcx, r10",
    "sti",
    "call r9",
    "mov r9, [rsp]",
    "mov qword ptr [r9 + {called}], 0",
    // Once the domain is active again nothing is written, so that an interrupt may come anywhere. rdx
    // is 0 at the end.
    "cmp dword ptr [r9 + {ending}], 0",
    "jne 4f",
    "mov [rip + {active}], r9",
    "mov r10, rax",
    "mov eax, [r9 + {rights}]",
    "xor ecx, ecx",
    "xor edx, edx",
    "wrpkru",
    "mov rax, r10",
    "mov rcx, [rsp + 16]",
    "mov rsp, [rsp + 24]",
    "mov r11d, 0x202",
    "sysretq",
    // The way back of every other call.
    "9:",
    "cmp dword ptr [r9 + {ending}], 0",
    "jne 4f",
    "mov [rip + {active}], r9",
    "mov r10, rax",
    "mov r8, rdx",
    "mov eax, [r9 + {rights}]",
    "xor ecx, ecx",
    "xor edx, edx",
    "wrpkru",
    "mov rax, r10",
    "mov rdx, r8",
    "mov rcx, [rsp + 16]",
    "mov rsp, [rsp + 24]",
    "mov r11d, 0x202",
    "sysretq",
    "6:",
    "lea rcx, [rip + {interface}]",
    "mov r11, [rcx + 8 * r11]",
    "mov rcx, r10",
    "sti",
    "call r11",
    "mov r9, [rsp]",
    "jmp 9b",
    // It is not the function that was asked for last.
    "7:",
    "call uio_gate_ask",
    "jz 8b",
    "mov r9, [rsp]",
    "jmp 9b",
    "4:",
    "jmp uio_gate_end",
    // Code that runs with the kernel's rights already; interrupts were on.
    "5:",
    "push rcx",
    "sti",
    "call uio_gate_nested",
    "pop rcx",
    "jmp rcx",
    // A call from ring 0; the program's stack may be written.
    ".globl uio_gate_jump",
    "uio_gate_jump:",
    "push rdx",
    "cli",
    "movzx r11d, al",
    "xor eax, eax",
    "xor edx, edx",
    "mov ecx, {pkrs}",
    "wrmsr",
    "pop rdx",
    "mov rax, [rip + {active}]",
    "test rax, rax",
    "jz 5f",
    "mov qword ptr [rip + {active}], 0",
    "mov rcx, rsp",
    "mov rsp, [rax + {kernel_stack}]",
    "push rcx",
    "push [rcx]",
    "push rbp",
    "push rax",
    "cld",
    "cmp r11d, {gate}",
    "jne 6f",
    "cmp r9, [rax + {allowed}]",
    "jne 7f",
    "8:",
    "mov [rax + {called}], r9",
    "mov rcx, r10",
    "sti",
    "call r9",
    "mov r9, [rsp]",
    "mov qword ptr [r9 + {called}], 0",
    "xor edx, edx",
    "9:",
    "cmp dword ptr [r9 + {ending}], 0",
    "jne 4f",
    "mov [rip + {active}], r9",
    "mov r10, rax",
    "mov r8, rdx",
    "mov eax, [r9 + {rights}]",
    "xor edx, edx",
    "mov ecx, {pkrs}",
    "wrmsr",
    "mov rax, r10",
    "mov rdx, r8",
    "mov rsp, [rsp + 24]",
    "ret",
    "6:",
    "lea rcx, [rip + {interface}]",
    "mov r11, [rcx + 8 * r11]",
    "mov rcx, r10",
    "sti",
    "call r11",
    "mov r9, [rsp]",
    "jmp 9b",
    "7:",
    "call uio_gate_ask",
    "jz 8b",
    "mov r9, [rsp]",
    "jmp 9b",
    "4:",
    "jmp uio_gate_end",
    // Code that runs with the kernel's rights already.
    "5:",
    "mov eax, r11d",
    "sti",
    // A call of the interface by code that has the kernel's rights: it is inside a call already, and
    // has no domain below it on the stack. So [`RETURN`] makes no sense, and the gate asks each time.
    // eax has the number, r10 the fourth argument; the stack is 8 bytes off its alignment.
    "uio_gate_nested:",
    "movzx r11d, al",
    "cmp r11d, {gate}",
    "jb 3f",
    "je 2f",
    "lea rcx, [rip + {interface}]",
    "mov r11, [rcx + 8 * r11]",
    "mov rcx, r10",
    "jmp r11",
    "2:",
    "push rdi",
    "push rsi",
    "push rdx",
    "push r10",
    "push r8",
    "push r9",
    "mov rdi, r9",
    "push rbp",
    "mov rbp, rsp",
    "and rsp, -16",
    "call [rip + {may_call}]",
    "mov rsp, rbp",
    "pop rbp",
    "pop r9",
    "pop r8",
    "pop rcx",
    "pop rdx",
    "pop rsi",
    "pop rdi",
    "test rax, rax",
    "jnz 4f",
    "push rbp",
    "mov rbp, rsp",
    "and rsp, -16",
    "call r9",
    "mov rsp, rbp",
    "pop rbp",
    "xor edx, edx",
    "ret",
    "3:",
    // EPERM of Linux.
    "mov rax, -1",
    "ret",
    "4:",
    "mov rdx, rax",
    "xor eax, eax",
    "ret",
    // Asks whether the function in r9 may be called; the domain lies above the return address. Sets
    // the zero flag, with the domain in rax, if it may; else rax and rdx are what the call gives.
    "uio_gate_ask:",
    "push rdi",
    "push rsi",
    "push rdx",
    "push r10",
    "push r8",
    "push r9",
    "sub rsp, 8",
    "mov rdi, r9",
    "sti",
    "call [rip + {may_call}]",
    "add rsp, 8",
    "pop r9",
    "pop r8",
    "pop r10",
    "pop rdx",
    "pop rsi",
    "pop rdi",
    "test rax, rax",
    "jnz 2f",
    "mov rax, [rsp + 8]",
    "ret",
    "2:",
    "mov rdx, rax",
    "mov eax, 0",
    "ret",
    // Ends the program of the domain in r9, on its kernel's stack.
    "uio_gate_end:",
    "mov rsp, [r9 + {kernel_stack}]",
    "mov rdi, r9",
    "sti",
    "call [rip + {ended}]",
    "ud2",
    // The call [`RETURN`]: below its return address lies the domain.
    ".globl uio_gate_returned",
    "uio_gate_returned:",
    "mov rcx, [rsp + 8]",
    "mov rsp, [rcx + {kernel_stack}]",
    "mov rax, rdi",
    "xor edx, edx",
    "cld",
    "add rsp, 8",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop rbp",
    "pop rbx",
    "ret",
    ".globl uio_gate_enter",
    "uio_gate_enter:",
    "push rbx",
    "push rbp",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    "sub rsp, 8",
    "mov [rdi + {kernel_stack}], rsp",
    "cli",
    "mov [rip + {active}], rdi",
    "mov r10, rdx",
    "mov r9, rcx",
    "mov eax, [rdi + {rights}]",
    "xor edx, edx",
    "cmp dword ptr [rip + {register}], 0",
    "jne 2f",
    // From here on nothing may be written.
    "xor ecx, ecx",
    "wrpkru",
    "mov rsp, r8",
    "mov rdi, r10",
    "mov rcx, rsi",
    "mov rsi, r9",
    "mov r11d, 0x202",
    "sysretq",
    "2:",
    "mov ecx, {pkrs}",
    "wrmsr",
    "mov rsp, r8",
    "mov rdi, r10",
    "mov rax, rsi",
    "mov rsi, r9",
    "sti",
    "jmp rax",
    ".globl uio_gate_leave",
    "uio_gate_leave:",
    "mov rsp, [rdi + {kernel_stack}]",
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
    ".balign 4096",
    ".popsection",
    kernel_stack = const offset_of!(Domain, kernel_stack),
    rights = const offset_of!(Domain, rights),
    active = sym ACTIVE,
    register = sym REGISTER,
    pkrs = const IA32_PKRS,
    allowed = const offset_of!(Domain, allowed),
    called = const offset_of!(Domain, called),
    may_call = sym MAY_CALL,
    gs = const offset_of!(Domain, gs),
    fs = const offset_of!(Domain, fs),
    ending = const offset_of!(Domain, ending),
    interface = sym INTERFACE,
    gate = const GATE,
    ended = sym ENDED,
    len = const VECTOR_LEN,
    handlers = sym HANDLERS,
    saved = const offset_of!(Domain, saved),
    exception = sym EXCEPTION,
    data_segment = const 0x10,
    code_segment = const 0x08,
);

#[cfg(test)]
mod tests {
    use core::ptr;

    use super::vector;

    #[test]
    fn every_vector_has_an_entry_that_names_it() {
        for number in 0..=255 {
            let entry = ptr::with_exposed_provenance::<u8>(vector(number) as usize);
            // SAFETY: the entries are code of this program.
            let bytes = unsafe { [*entry, *entry.add(1), *entry.add(2)] };
            assert_eq!(bytes[..2], [0x6a, number]);
            assert!(matches!(bytes[2], 0xe9 | 0xeb), "{number}: {bytes:x?}");
        }
    }
}
