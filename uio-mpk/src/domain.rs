//! A program's side of the gate, as the assembly sees it.

#![allow(unsafe_code)]

use core::ptr;
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use crate::gate::no_such_call;
use crate::rights::Rights;

/// A program's side of the gate: what of it the assembly needs to know.
#[repr(C)]
#[derive(Debug, Default)]
pub struct Domain {
    /// Value of the key register while the program runs.
    pub(crate) rights: AtomicU32,
    /// Not 0: the program is to be ended as soon as it is about to go on.
    pub(crate) ending: AtomicU32,
    /// Stack pointer of the kernel's side, as [`crate::gate::enter`] left it.
    pub(crate) kernel_stack: AtomicUsize,
    /// Where the registers of the program are while it is interrupted in code of its own; else 0.
    pub(crate) saved: AtomicUsize,
    /// FS base of the task that runs the program.
    pub(crate) fs: AtomicU64,
    /// GS base of the core.
    pub(crate) gs: AtomicU64,
    /// The function that the program may call through the gate without being asked again.
    pub(crate) allowed: AtomicU64,
    /// The function that the program is calling through the gate; else 0.
    pub(crate) called: AtomicU64,
    /// Not 0: the program used the floating-point unit.
    pub(crate) floating: AtomicU32,
    /// Where the program's heap is; 0 while it has none.
    pub(crate) heap: AtomicUsize,
}

/// The registers of an interrupted program, as [`crate::gate::vector`] saves them.
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
    pub fn prepare(&self, rights: Rights, fs: u64, gs: u64) {
        self.rights.store(rights.bits(), Ordering::Relaxed);
        self.ending.store(0, Ordering::Relaxed);
        self.saved.store(0, Ordering::Relaxed);
        self.fs.store(fs, Ordering::Relaxed);
        self.gs.store(gs, Ordering::Relaxed);
        // A function that does nothing: some value has to be there.
        self.allow(no_such_call as *const () as u64);
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

    /// Notes that the program, or what it called, used the floating-point unit.
    pub fn note_floating(&self) {
        self.floating.store(1, Ordering::Relaxed);
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

    /// Where the stack of a function ends that the program calls through the gate. What lies above is
    /// the gate's.
    #[must_use]
    pub fn end_of_call(&self) -> u64 {
        // Four words of the entry, and where the function returns to.
        self.kernel_stack.load(Ordering::Relaxed) as u64 - 5 * 8
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

#[cfg(test)]
mod tests {
    use super::{Domain, Saved};

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
        assert_ne!(domain.allowed.load(super::Ordering::Relaxed), 0x1234);
        assert_eq!(domain.ending.load(super::Ordering::Relaxed), 0);
        assert!(!domain.interrupted());
    }
}
