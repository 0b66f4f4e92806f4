//! The engines of this project.
#![allow(unsafe_code, reason = "starting a run promises what its memory is")]

use std::sync::Arc;

use uio_bpf::bundle::{MapDef, MapKind};
use uio_bpf::check::{Environment, check};
use uio_bpf::helper::{OWN, Table};
use uio_bpf::interpreter;
use uio_bpf::isa::{Insn, wide};
use uio_bpf::jit::{self, host::Compiled};
use uio_bpf::kind::Kind;
use uio_bpf::map::Map;
use uio_bpf::program::Program;
use uio_bpf::run::{End, Host, Memory, Run, STACK_LEN};

use crate::programs::ENTRIES;

const HELPERS: Table<'_> = Table {
    own: OWN,
    application: &[],
};

/// The map of the programs.
///
/// # Panics
/// When there is no memory for it.
pub fn map() -> Arc<Map> {
    let def = MapDef {
        name: "bench".into(),
        kind: MapKind::Array,
        key_size: 4,
        value_size: 8,
        max_entries: ENTRIES,
        flags: 0,
        initial: Vec::new(),
        types: Vec::new(),
    };
    Arc::new(Map::new(&def, 1, 1 << 20).expect("a small map"))
}

/// A program that is ready.
pub struct Ready {
    program: Compiled,
    stack: Box<Stack>,
    memory: Vec<u8>,
}

#[repr(C, align(16))]
struct Stack([u8; STACK_LEN]);

impl Ready {
    /// Checks a program.
    ///
    /// # Panics
    /// When it is refused.
    pub fn new(code: &[Insn], map: &Arc<Map>, memory_len: usize) -> Self {
        let maps = [Arc::clone(map)];
        let environment = Environment {
            maps: &maps,
            variables: &[],
            helpers: &HELPERS,
        };
        let address = Arc::as_ptr(map) as u64;
        let mut code = code.to_vec();
        for at in 0..code.len() {
            // The map by its number.
            let names = code[at].opcode == 0x18
                && (code[at].imm, code[at + 1].imm) == (address as i32, (address >> 32) as i32);
            if names {
                code[at].regs |= wide::MAP_INDEX << 4;
                code[at].imm = 0;
                code[at + 1].imm = 0;
            }
        }
        let program = check("bench", Kind::Executable, &code, &environment);
        let program = program.unwrap_or_else(|reject| panic!("{reject:?}"));
        let program = Compiled::new(program, &HELPERS);
        Self {
            program: program.unwrap_or_else(|error| panic!("{error:?}")),
            stack: Box::new(Stack([0; STACK_LEN])),
            memory: vec![0; memory_len],
        }
    }

    /// Runs it under the interpreter. Gives what it returned.
    ///
    /// # Panics
    /// When it did not come to its end.
    pub fn interpret(&mut self) -> u64 {
        self.run(|run, arguments| {
            // SAFETY: stack and memory are this run's alone, and the helpers do what their prototypes say.
            unsafe { interpreter::run(run, arguments) }
        })
    }

    /// Runs the code that was made of it. Gives what it returned.
    ///
    /// # Panics
    /// When it did not come to its end.
    pub fn compiled(&mut self) -> u64 {
        self.run(|run, arguments| {
            // SAFETY: as above; and the programs access only what they may.
            unsafe { jit::run(run, arguments) }
        })
    }

    fn run(&mut self, go: impl FnOnce(&mut Run<'_>, [u64; 2]) -> End) -> u64 {
        self.memory.fill(1);
        let context = Memory {
            address: self.memory.as_mut_ptr().expose_provenance() as u64,
            len: self.memory.len() as u64,
            writable: true,
        };
        let stack = (&raw mut *self.stack).cast::<u8>();
        stack.expose_provenance();
        let mut run = Run::new(self.program.program(), context, stack, &HELPERS, &Nowhere);
        run.budget = i64::MAX;
        match go(&mut run, [context.address, context.len]) {
            End::Returned(value) => value,
            End::Stopped { why, at } => panic!("{why:?} at {at}"),
        }
    }
}

/// No kernel: the programs need none.
struct Nowhere;

impl Host for Nowhere {
    fn now(&self) -> u64 {
        0
    }

    fn core(&self) -> u32 {
        0
    }

    fn cores(&self) -> u32 {
        1
    }

    fn task(&self) -> u32 {
        0
    }

    fn task_name(&self, _: &mut [u8]) -> usize {
        0
    }

    fn read(&self, _: u64, out: &mut [u8]) -> bool {
        out.fill(0);
        false
    }

    fn stack(&self, _: &Run<'_>, _: u32, _: &mut [u64]) -> usize {
        0
    }

    fn symbol(&self, _: &[u8]) -> u64 {
        0
    }

    fn print(&self, _: &Program, _: &[u8]) {}

    fn random(&self) -> u32 {
        0
    }

    fn ring(&self, _: &Map) {}
}
