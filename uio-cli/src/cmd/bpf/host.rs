//! What programs find on this machine where in a guest there is a kernel: a clock, numbers, a place for their words.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::Write;
use std::time::Instant;

use uio_bpf::map::Map;
use uio_bpf::program::Program;
use uio_bpf::run::{Host, Run};

/// What programs see as the name of the running task.
const TASK: &[u8] = b"uio";

/// This process, in a kernel's place. There is one core, no image to read, and nothing called the program.
pub(super) struct Local {
    start: Instant,
}

impl Local {
    /// Its clock begins now.
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Host for Local {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn core(&self) -> u32 {
        0
    }

    fn cores(&self) -> u32 {
        1
    }

    fn task(&self) -> u32 {
        std::process::id()
    }

    fn task_name(&self, out: &mut [u8]) -> usize {
        let len = TASK.len().min(out.len());
        out[..len].copy_from_slice(&TASK[..len]);
        len
    }

    fn read(&self, _address: u64, out: &mut [u8]) -> bool {
        out.fill(0);
        false
    }

    fn stack(&self, _run: &Run<'_>, _skip: u32, _out: &mut [u64]) -> usize {
        0
    }

    fn symbol(&self, _name: &[u8]) -> u64 {
        0
    }

    fn print(&self, program: &Program, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        // Nobody who reads is no reason to stop the program.
        let _ = writeln!(
            std::io::stderr().lock(),
            "{}: {}",
            program.name,
            line.trim_end()
        );
    }

    fn random(&self) -> u32 {
        RandomState::new().build_hasher().finish() as u32
    }

    fn ring(&self, _map: &Map) {}
}
