//! A place to run programs that runs a closure of the test instead.

use std::boxed::Box;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, OnceLock};
use std::vec::Vec;

use crate::isolation::{End, Entry, Forbidden, Isolation, Limits, Policy, Region};

/// What a program does: gets the worker and the arguments.
type Program = Box<dyn Fn(usize, &[u8]) -> End + Send + Sync>;

/// See the module.
pub struct FakeIsolation {
    /// There is no memory for programs.
    pub no_memory: AtomicBool,
    /// Programs that were run.
    pub runs: AtomicUsize,
    /// Addresses of `main` that were called.
    pub mains: Mutex<Vec<u64>>,
    /// Workers whose programs were interrupted.
    pub interrupts: Mutex<Vec<usize>>,
    /// The limits that programs were run with.
    pub limits: Mutex<Vec<Limits>>,
    /// Programs may not run.
    pub unavailable: AtomicBool,
    /// What sessions may do at most.
    pub policy: Mutex<Policy>,
    /// Code that has these bytes is refused.
    pub forbidden: Mutex<Vec<u8>>,
    /// How many bytes before them the instruction begins that has them inside.
    pub within: AtomicU8,
    next: AtomicU64,
    real: OnceLock<&'static dyn Isolation>,
    program: Mutex<Option<std::sync::Arc<Program>>>,
}

impl FakeIsolation {
    /// A place in which `main` returns 0.
    #[must_use]
    pub fn new() -> Self {
        Self {
            no_memory: AtomicBool::new(false),
            runs: AtomicUsize::new(0),
            mains: Mutex::default(),
            interrupts: Mutex::default(),
            limits: Mutex::default(),
            unavailable: AtomicBool::new(false),
            policy: Mutex::new(Policy::Full),
            forbidden: Mutex::default(),
            within: AtomicU8::new(0),
            next: AtomicU64::new(0x30_0000),
            real: OnceLock::new(),
            program: Mutex::new(None),
        }
    }

    /// From now on all is left to another implementation, which can run code.
    pub fn leave_to(&self, real: &'static dyn Isolation) {
        let _ = self.real.set(real);
    }

    /// From now on programs do this.
    pub fn set_program(&self, program: impl Fn(usize, &[u8]) -> End + Send + Sync + 'static) {
        *self.program.lock().unwrap() = Some(std::sync::Arc::new(Box::new(program)));
    }
}

impl Default for FakeIsolation {
    fn default() -> Self {
        Self::new()
    }
}

struct FakeRegion {
    base: u64,
    bytes: Vec<u8>,
    /// Where the part begins that may be written.
    data: usize,
}

/// Memory that pretends to be at that address.
pub(super) fn region(base: u64, bytes: usize) -> Box<dyn Region> {
    Box::new(FakeRegion {
        base,
        bytes: std::vec![0; bytes.next_multiple_of(4096)],
        data: 0,
    })
}

impl Region for FakeRegion {
    fn base(&self) -> u64 {
        self.base
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.data..]
    }

    fn seal(&mut self, text: core::ops::Range<usize>, constants: core::ops::Range<usize>) {
        assert!(text.end <= self.bytes.len() && constants.end <= self.bytes.len());
        self.data = constants.end;
    }
}

impl Isolation for FakeIsolation {
    fn name(&self) -> &'static str {
        "none"
    }

    fn available(&self) -> bool {
        !self.unavailable.load(SeqCst)
    }

    fn policy(&self) -> Policy {
        *self.policy.lock().unwrap()
    }

    fn forbidden(&self, code: &[u8]) -> Option<Forbidden> {
        let bytes = self.forbidden.lock().unwrap();
        if bytes.is_empty() {
            return None;
        }
        let offset = code.windows(bytes.len()).position(|w| w == &bytes[..])?;
        Some(Forbidden {
            offset,
            len: bytes.len() as u8,
            class: "wrpkru",
            within: self.within.load(SeqCst),
        })
    }

    fn allocate(&self, bytes: usize) -> Option<Box<dyn Region>> {
        if self.no_memory.load(SeqCst) {
            return None;
        }
        if let Some(real) = self.real.get() {
            return real.allocate(bytes);
        }
        let bytes = bytes.next_multiple_of(4096);
        let base = self.next.fetch_add(bytes as u64 + 4096, SeqCst);
        Some(region(base, bytes))
    }

    fn interface(&self, name: &[u8]) -> Option<u64> {
        if let Some(real) = self.real.get() {
            return real.interface(name);
        }
        name.starts_with(b"uio_").then_some(0x21_0000)
    }

    fn run(&self, worker: usize, program: Entry<'_>, argv: &[u8], limits: &Limits) -> End {
        self.runs.fetch_add(1, SeqCst);
        self.mains.lock().unwrap().push(program.main);
        self.limits.lock().unwrap().push(*limits);
        if let Some(real) = self.real.get() {
            return real.run(worker, program, argv, limits);
        }
        let program = self.program.lock().unwrap().clone();
        program.map_or(End::Exited(0), |program| program(worker, argv))
    }

    fn interrupt(&self, worker: usize) {
        self.interrupts.lock().unwrap().push(worker);
        if let Some(real) = self.real.get() {
            real.interrupt(worker);
        }
    }
}
