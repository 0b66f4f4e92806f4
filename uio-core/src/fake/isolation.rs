//! A place to run programs that runs a closure of the test instead.

use std::boxed::Box;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, OnceLock};
use std::vec::Vec;

use crate::isolation::{End, Entry, Isolation, Region};

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
    /// Interrupts: worker and the text's range.
    pub interrupts: Mutex<Vec<(usize, core::ops::Range<u64>)>>,
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

    fn allocate(&self, bytes: usize) -> Option<Box<dyn Region>> {
        if self.no_memory.load(SeqCst) {
            return None;
        }
        if let Some(real) = self.real.get() {
            return real.allocate(bytes);
        }
        let bytes = bytes.next_multiple_of(4096);
        let base = self.next.fetch_add(bytes as u64 + 4096, SeqCst);
        Some(Box::new(FakeRegion {
            base,
            bytes: std::vec![0; bytes],
            data: 0,
        }))
    }

    fn interface(&self, name: &[u8]) -> Option<u64> {
        if let Some(real) = self.real.get() {
            return real.interface(name);
        }
        name.starts_with(b"uio_").then_some(0x21_0000)
    }

    fn run(&self, worker: usize, program: Entry<'_>, argv: &[u8]) -> End {
        self.runs.fetch_add(1, SeqCst);
        self.mains.lock().unwrap().push(program.main);
        if let Some(real) = self.real.get() {
            return real.run(worker, program, argv);
        }
        let program = self.program.lock().unwrap().clone();
        program.map_or(End::Exited(0), |program| program(worker, argv))
    }

    fn interrupt(&self, worker: usize, within: core::ops::Range<u64>) {
        self.interrupts
            .lock()
            .unwrap()
            .push((worker, within.clone()));
        if let Some(real) = self.real.get() {
            real.interrupt(worker, within);
        }
    }
}
