//! Crossing between a program's rights and the kernel's. All the assembly of this crate.
//!
//! A program runs with the rights of its [`Domain`] and on a stack of its own. Four ways lead out of
//! it, and each raises the rights before it touches memory that is not the program's:
//!
//! - a call of the interface: with PKU `syscall` from ring 3 to [`enter_by_syscall`], with PKS a jump
//!   in ring 0 to [`enter_by_jump`];
//! - an interrupt or exception: every vector goes through [`VECTORS`];
//! - the return of the function that [`enter`] called, which is a call of the interface too;
//! - its end by another task: [`Domain::end`].
//!
//! [`ACTIVE`] tells whether a program's rights are in force on this core. Programs run on one core
//! only, so there is one of it.

#![allow(unsafe_code)]

use core::arch::naked_asm;
use core::mem::offset_of;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// How many calls the interface of programs can have.
pub const CALLS: usize = 64;

/// The call with which a program's function returns to [`enter`]; its argument is the value.
pub const RETURN: u32 = 0;

/// The call `uio_gate(function, a, b, c, d, e)`: calls a function of the image with full rights.
pub const GATE: u32 = 1;

/// `IA32_PKRS` (Intel SDM volume 4, table 2-2).
pub const IA32_PKRS: u32 = 0x6e1;

/// A program's side of the gate: what of it the assembly needs to know.
#[repr(C)]
#[derive(Debug, Default)]
pub struct Domain {
    /// Value of the key register while the program runs.
    rights: AtomicU32,
    /// Not 0: the program is to be ended as soon as it is about to go on.
    ending: AtomicU32,
    /// Stack pointer of the kernel's side, as [`enter`] left it.
    kernel_stack: AtomicUsize,
    /// Where the registers of the program are while it is interrupted in code of its own; else 0.
    saved: AtomicUsize,
    /// FS base of the task that runs the program.
    fs: AtomicU64,
    /// GS base of the core.
    gs: AtomicU64,
    /// The function that the program may call through the gate without being asked again.
    allowed: AtomicU64,
    /// The function that the program is calling through the gate; else 0.
    called: AtomicU64,
    /// Not 0: the program used the floating-point unit.
    floating: AtomicU32,
    /// Where the program's heap is; 0 while it has none.
    heap: AtomicUsize,
}

/// The registers of an interrupted program, as [`VECTORS`] saves them.
#[repr(C)]
#[derive(Debug)]
pub struct Saved {
    /// r15 down to r8, rdi, rsi, rbp, rbx, rdx, rcx, rax.
    registers: [u64; 15],
    vector: u64,
    /// The error code where the exception has one, then what the processor pushes (Intel SDM volume
    /// 3, 6.14.2).
    rest: [u64; 6],
}

impl Saved {
    /// Whether the processor pushes an error code for an exception.
    const fn has_code(vector: u8) -> bool {
        matches!(vector, 8 | 10..=14 | 17 | 21 | 29 | 30)
    }

    /// The vector.
    #[must_use]
    pub const fn vector(&self) -> u8 {
        self.vector as u8
    }

    /// The error code; 0 where there is none.
    #[must_use]
    pub const fn code(&self) -> u32 {
        if Self::has_code(self.vector()) {
            self.rest[0] as u32
        } else {
            0
        }
    }

    const fn frame(&self, word: usize) -> u64 {
        self.rest[word + Self::has_code(self.vector()) as usize]
    }

    /// Where the program was interrupted.
    #[must_use]
    pub const fn instruction(&self) -> u64 {
        self.frame(0)
    }

    /// Its status flags.
    #[must_use]
    pub const fn flags(&self) -> u64 {
        self.frame(2)
    }

    /// Its general registers, by their numbers: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15.
    #[must_use]
    pub fn general(&self) -> [u64; 16] {
        let r = &self.registers;
        [
            r[14],
            r[13],
            r[12],
            r[11],
            self.frame(3),
            r[10],
            r[9],
            r[8],
            r[7],
            r[6],
            r[5],
            r[4],
            r[3],
            r[2],
            r[1],
            r[0],
        ]
    }
}

impl Domain {
    /// A domain that nothing runs in.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            rights: AtomicU32::new(0),
            ending: AtomicU32::new(0),
            kernel_stack: AtomicUsize::new(0),
            saved: AtomicUsize::new(0),
            fs: AtomicU64::new(0),
            gs: AtomicU64::new(0),
            allowed: AtomicU64::new(0),
            called: AtomicU64::new(0),
            floating: AtomicU32::new(0),
            heap: AtomicUsize::new(0),
        }
    }

    /// Prepares for a run with these rights, on a task and core with these segment bases.
    pub fn prepare(&self, rights: crate::rights::Rights, fs: u64, gs: u64) {
        self.rights.store(rights.bits(), Ordering::Relaxed);
        self.ending.store(0, Ordering::Relaxed);
        self.saved.store(0, Ordering::Relaxed);
        self.fs.store(fs, Ordering::Relaxed);
        self.gs.store(gs, Ordering::Relaxed);
        self.allowed.store(0, Ordering::Relaxed);
        self.called.store(0, Ordering::Relaxed);
        self.floating.store(0, Ordering::Relaxed);
        self.heap.store(0, Ordering::Relaxed);
    }

    /// Notes where the program's heap is.
    pub fn set_heap(&self, heap: usize) {
        self.heap.store(heap, Ordering::Relaxed);
    }

    /// Ends the program as soon as it is about to go on.
    pub fn end(&self) {
        self.ending.store(1, Ordering::Relaxed);
    }

    /// Whether the program is interrupted in code of its own.
    #[must_use]
    pub fn interrupted(&self) -> bool {
        self.saved.load(Ordering::Relaxed) != 0
    }

    /// Where the registers of the program are while it is interrupted in code of its own; else 0.
    #[must_use]
    pub fn saved(&self) -> usize {
        self.saved.load(Ordering::Relaxed)
    }

    /// The function that the program is calling through the gate; else 0.
    #[must_use]
    pub fn called(&self) -> u64 {
        self.called.load(Ordering::Relaxed)
    }

    /// Whether the program used the floating-point unit since [`Self::prepare`], as far as that
    /// raised an exception.
    #[must_use]
    pub fn floating(&self) -> bool {
        self.floating.load(Ordering::Relaxed) != 0
    }

    /// Lets the program call this function through the gate from now on.
    pub fn allow(&self, function: u64) {
        self.allowed.store(function, Ordering::Relaxed);
    }

    /// Where the program is inside a call of the interface.
    ///
    /// # Safety
    ///
    /// It must be inside one.
    #[must_use]
    pub unsafe fn caller(&self) -> Caller {
        let top = self.kernel_stack.load(Ordering::Relaxed);
        let word = |below: usize| {
            // SAFETY: the words at the top of the kernel's stack are the first that the entry pushed.
            unsafe { ptr::with_exposed_provenance::<u64>(top - 8 * below).read() }
        };
        Caller {
            stack: word(1),
            instruction: word(2),
            frame: word(3),
        }
    }
}

/// Where a program called the interface.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// Its stack pointer.
    pub stack: u64,
    /// Where the call returns to.
    pub instruction: u64,
    /// Its frame pointer (rbp).
    pub frame: u64,
}

/// The heap of the program whose rights are in force; 0 when it has none. May be called with those
/// rights.
#[must_use]
pub fn active_heap() -> usize {
    let domain = ACTIVE.load(Ordering::Relaxed);
    // SAFETY: a domain whose rights are in force is alive.
    unsafe { domain.as_ref() }.map_or(0, |domain| domain.heap.load(Ordering::Relaxed))
}

/// The domain whose rights are in force.
static ACTIVE: AtomicPtr<Domain> = AtomicPtr::new(ptr::null_mut());

/// Which register has the rights: 0 PKRU, 1 IA32_PKRS.
static REGISTER: AtomicU32 = AtomicU32::new(0);

/// The handlers that [`VECTORS`] stands before, by vector.
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
    set_call(RETURN, returned as *const () as usize);
    set_call(GATE, gate as *const () as usize);
}

/// Makes a function (System V psABI, at most six integer arguments) the call of that number.
pub fn set_call(number: u32, function: usize) {
    if let Some(call) = INTERFACE.get(number as usize) {
        call.store(function, Ordering::Relaxed);
    }
}

extern "C" fn no_such_call() -> isize {
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

/// Sets PKRU to 0: every key may be read and written.
///
/// # Safety
///
/// CR4.PKE must be set.
pub unsafe fn clear_pkru() {
    // SAFETY: the caller's obligation; the instruction writes no memory.
    unsafe {
        core::arch::asm!("wrpkru", in("eax") 0, in("ecx") 0, in("edx") 0, options(nomem, nostack));
    }
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

/// Calls `function(a, b)` of a program with the rights of `domain` on the stack whose pointer is
/// `stack`; the word there must be the address of code that makes the call [`RETURN`].
///
/// # Safety
///
/// The kernel's side must be set, `domain` prepared, alive and used by nobody else until this
/// returns. Only on the core on which programs run.
#[unsafe(naked)]
pub unsafe extern "C" fn enter(
    domain: &Domain,
    function: u64,
    a: usize,
    b: usize,
    stack: usize,
) -> Ended {
    naked_asm!(
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
        kernel_stack = const offset_of!(Domain, kernel_stack),
        rights = const offset_of!(Domain, rights),
        active = sym ACTIVE,
        register = sym REGISTER,
        pkrs = const IA32_PKRS,
    )
}

/// Ends the call through [`enter`] that `domain` is in, with `value`. Turns interrupts on.
///
/// # Safety
///
/// That call must be in progress on the calling task, the kernel's rights in force, and nothing that
/// runs above it on the stack may hold a lock.
#[unsafe(naked)]
pub unsafe extern "C" fn leave(domain: &Domain, value: u64) -> ! {
    naked_asm!(
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
        kernel_stack = const offset_of!(Domain, kernel_stack),
    )
}

/// The call [`RETURN`]: below its return address lies the domain.
#[unsafe(naked)]
unsafe extern "C" fn returned() {
    naked_asm!(
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
        kernel_stack = const offset_of!(Domain, kernel_stack),
    )
}

/// The call [`GATE`]. Returns the function's value in rax and an error number in rdx.
#[unsafe(naked)]
unsafe extern "C" fn gate() {
    naked_asm!(
        "mov rax, [rsp + 8]",
        "cmp rdi, [rax + {allowed}]",
        "jne 3f",
        "2:",
        "push rax",
        "mov [rax + {called}], rdi",
        "mov r11, rdi",
        "mov rdi, rsi",
        "mov rsi, rdx",
        "mov rdx, rcx",
        "mov rcx, r8",
        "mov r8, r9",
        "call r11",
        "pop rcx",
        "mov qword ptr [rcx + {called}], 0",
        "xor edx, edx",
        "ret",
        // Nobody asked for this function yet.
        "3:",
        "push rax",
        "push rdi",
        "push rsi",
        "push rdx",
        "push rcx",
        "push r8",
        "push r9",
        "call [rip + {may_call}]",
        "pop r9",
        "pop r8",
        "pop rcx",
        "pop rdx",
        "pop rsi",
        "pop rdi",
        "mov r11, rax",
        "pop rax",
        "test r11, r11",
        "jz 2b",
        "mov rdx, r11",
        "xor eax, eax",
        "ret",
        allowed = const offset_of!(Domain, allowed),
        called = const offset_of!(Domain, called),
        may_call = sym MAY_CALL,
    )
}

/// Where a program of ring 3 arrives with `syscall`: interrupts are off, rcx has where it comes
/// from, rax the number of the call, the arguments are in rdi, rsi, rdx, r10, r8 and r9. The
/// kernel's stack has no key that counts (its pages are the supervisor's).
#[unsafe(naked)]
pub unsafe extern "C" fn enter_by_syscall() {
    naked_asm!(
        "mov r11, [rip + {active}]",
        "test r11, r11",
        "jz 5f",
        "xchg rsp, r11",
        "mov rsp, [rsp + {kernel_stack}]",
        "push r11",
        "push rcx",
        "push rdx",
        "mov r11d, eax",
        "xor eax, eax",
        "xor ecx, ecx",
        "xor edx, edx",
        "wrpkru",
        "pop rdx",
        "mov rcx, [rip + {active}]",
        "mov rax, [rcx + {gs}]",
        "wrgsbase rax",
        "mov rax, [rcx + {fs}]",
        "wrfsbase rax",
        "mov qword ptr [rip + {active}], 0",
        "push rbp",
        "push rcx",
        "cmp r11d, {calls}",
        "jae 3f",
        "2:",
        "mov rcx, r10",
        "lea rax, [rip + {interface}]",
        "cld",
        "sti",
        "call [rax + 8 * r11]",
        "cli",
        "pop r9",
        "pop rcx",
        "cmp dword ptr [r9 + {ending}], 0",
        "jne 4f",
        "pop rsi",
        "pop rdi",
        "mov [rip + {active}], r9",
        "mov r10, rax",
        "mov r8, rdx",
        "mov eax, [r9 + {rights}]",
        "xor ecx, ecx",
        "xor edx, edx",
        "wrpkru",
        "mov rax, r10",
        "mov rdx, r8",
        "mov rcx, rsi",
        "mov rsp, rdi",
        "mov r11d, 0x202",
        "sysretq",
        "3:",
        // No such call; the last one is never there.
        "mov r11d, {calls} - 1",
        "jmp 2b",
        "4:",
        "jmp {end}",
        // Code that runs with the kernel's rights already.
        "5:",
        "pushfq",
        "push rcx",
        "mov rcx, r10",
        "sub rsp, 8",
        "mov r11d, eax",
        "cmp r11d, {calls}",
        "jae 7f",
        "6:",
        "lea rax, [rip + {interface}]",
        "sti",
        "call {nested}",
        "add rsp, 8",
        "pop rcx",
        "popfq",
        "sti",
        "jmp rcx",
        "7:",
        "mov r11d, {calls} - 1",
        "jmp 6b",
        active = sym ACTIVE,
        kernel_stack = const offset_of!(Domain, kernel_stack),
        gs = const offset_of!(Domain, gs),
        fs = const offset_of!(Domain, fs),
        ending = const offset_of!(Domain, ending),
        rights = const offset_of!(Domain, rights),
        calls = const CALLS,
        interface = sym INTERFACE,
        end = sym end_at_gate,
        nested = sym nested,
    )
}

/// Where a program of ring 0 arrives by a jump; what it pushed last is where it comes from.
/// Otherwise as [`enter_by_syscall`].
#[unsafe(naked)]
pub unsafe extern "C" fn enter_by_jump() {
    naked_asm!(
        "push rdx",
        "cli",
        "mov r11d, eax",
        "xor eax, eax",
        "xor edx, edx",
        "mov ecx, {pkrs}",
        "wrmsr",
        "pop rdx",
        "mov rcx, [rip + {active}]",
        "test rcx, rcx",
        "jz 5f",
        "mov qword ptr [rip + {active}], 0",
        "mov rax, rsp",
        "mov rsp, [rcx + {kernel_stack}]",
        "push rax",
        "push [rax]",
        "push rbp",
        "push rcx",
        "cmp r11d, {calls}",
        "jae 3f",
        "2:",
        "mov rcx, r10",
        "lea rax, [rip + {interface}]",
        "cld",
        "sti",
        "call [rax + 8 * r11]",
        "cli",
        "pop r9",
        "pop rcx",
        "cmp dword ptr [r9 + {ending}], 0",
        "jne 4f",
        "pop rsi",
        "pop rdi",
        "mov [rip + {active}], r9",
        "mov r10, rax",
        "mov r8, rdx",
        "mov eax, [r9 + {rights}]",
        "xor edx, edx",
        "mov ecx, {pkrs}",
        "wrmsr",
        "mov rax, r10",
        "mov rdx, r8",
        "mov rsp, rdi",
        "sti",
        "ret",
        "3:",
        "mov r11d, {calls} - 1",
        "jmp 2b",
        "4:",
        "jmp {end}",
        // Code that runs with the kernel's rights already.
        "5:",
        "mov rcx, r10",
        "cmp r11d, {calls}",
        "jae 7f",
        "6:",
        "lea rax, [rip + {interface}]",
        "sti",
        "jmp {nested}",
        "7:",
        "mov r11d, {calls} - 1",
        "jmp 6b",
        active = sym ACTIVE,
        kernel_stack = const offset_of!(Domain, kernel_stack),
        ending = const offset_of!(Domain, ending),
        rights = const offset_of!(Domain, rights),
        pkrs = const IA32_PKRS,
        calls = const CALLS,
        interface = sym INTERFACE,
        end = sym end_at_gate,
        nested = sym nested,
    )
}

/// A call of the interface by code that has the kernel's rights: the gate is taken from the caller,
/// who is inside a call already. [`RETURN`] makes no sense there.
#[unsafe(naked)]
unsafe extern "C" fn nested() {
    naked_asm!(
        "cmp r11d, {gate}",
        "je 2f",
        "jb 3f",
        "jmp [rax + 8 * r11]",
        // The gate asks each time.
        "2:",
        "push rdi",
        "push rsi",
        "push rdx",
        "push rcx",
        "push r8",
        "push r9",
        "sub rsp, 8",
        "call [rip + {may_call}]",
        "add rsp, 8",
        "pop r9",
        "pop r8",
        "pop rcx",
        "pop rdx",
        "pop rsi",
        "pop r11",
        "test rax, rax",
        "jnz 4f",
        "mov rdi, rsi",
        "mov rsi, rdx",
        "mov rdx, rcx",
        "mov rcx, r8",
        "mov r8, r9",
        "sub rsp, 8",
        "call r11",
        "add rsp, 8",
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
        gate = const GATE,
        may_call = sym MAY_CALL,
    )
}

/// Ends the program of the domain in r9, on its kernel's stack.
#[unsafe(naked)]
unsafe extern "C" fn end_at_gate() {
    naked_asm!(
        "mov rsp, [r9 + {kernel_stack}]",
        "mov rdi, r9",
        "sti",
        "call [rip + {ended}]",
        "ud2",
        kernel_stack = const offset_of!(Domain, kernel_stack),
        ended = sym ENDED,
    )
}

/// Bytes between one vector's entry and the next.
const VECTOR_LEN: usize = 8;

/// Address of the entry for a vector.
#[must_use]
pub fn vector(number: u8) -> u64 {
    vectors as *const () as u64 + VECTOR_LEN as u64 * u64::from(number)
}

/// An entry for each vector: pushes the vector's number.
#[unsafe(naked)]
unsafe extern "C" fn vectors() {
    naked_asm!(
        ".set uio_vector, 0",
        ".rept 256",
        ".balign {len}",
        // An immediate byte is extended by its sign, so that this always has two bytes.
        ".byte 0x6a, uio_vector",
        "jmp {any}",
        ".set uio_vector, uio_vector + 1",
        ".endr",
        len = const VECTOR_LEN,
        any = sym any_vector,
    )
}

/// Every interrupt and exception. Without a program's rights in force the kernel's handler goes on
/// as if nothing had been there.
#[unsafe(naked)]
unsafe extern "C" fn any_vector() {
    naked_asm!(
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
        "je 5f",
        "cmp esi, 2",
        "je 6f",
        "cmp esi, 18",
        "je 6f",
        "mov rdi, rbx",
        "mov rsi, rbp",
        "call [rip + {exception}]",
        "mov rsp, rbp",
        "jmp 7f",
        "5:",
        "mov dword ptr [rbx + {floating}], 1",
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
        "jmp {end}",
        active = sym ACTIVE,
        register = sym REGISTER,
        handlers = sym HANDLERS,
        gs = const offset_of!(Domain, gs),
        fs = const offset_of!(Domain, fs),
        saved = const offset_of!(Domain, saved),
        ending = const offset_of!(Domain, ending),
        rights = const offset_of!(Domain, rights),
        floating = const offset_of!(Domain, floating),
        exception = sym EXCEPTION,
        end = sym end_at_gate,
        pkrs = const IA32_PKRS,
        data_segment = const 0x10,
        code_segment = const 0x08,
    )
}

#[cfg(test)]
mod tests {
    use core::ptr;

    use super::{Domain, Saved, vector};

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

    #[test]
    fn saved_registers_have_the_layout_of_the_stack() {
        let mut saved = Saved {
            registers: core::array::from_fn(|index| index as u64),
            vector: 14,
            rest: [6, 0x1000, 0x33, 0x246, 0x7000, 0x2b],
        };
        assert_eq!((saved.vector(), saved.code()), (14, 6));
        assert_eq!((saved.instruction(), saved.flags()), (0x1000, 0x246));
        assert_eq!(
            saved.general(),
            [14, 13, 12, 11, 0x7000, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
        );
        saved.vector = 6;
        saved.rest = [0x1000, 0x33, 0x246, 0x7000, 0x2b, 0];
        assert_eq!((saved.code(), saved.instruction()), (0, 0x1000));
        assert_eq!(saved.general()[4], 0x7000);
        assert_eq!(core::mem::offset_of!(Saved, vector), 120);
    }

    #[test]
    fn a_domain_forgets_what_an_earlier_run_was_allowed() {
        let domain = Domain::new();
        domain.allow(0x1234);
        domain.end();
        domain.prepare(crate::rights::Rights::ALL, 1, 2);
        assert_eq!(domain.allowed.load(super::Ordering::Relaxed), 0);
        assert_eq!(domain.ending.load(super::Ordering::Relaxed), 0);
        assert!(!domain.interrupted());
    }
}
