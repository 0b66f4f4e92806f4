//! What the check and the interpreter owe to programs that may be anything: no panic, an end, nothing written but what
//! the program may write, and nothing of what an earlier run left.
#![allow(unsafe_code, reason = "starting a run promises what its memory is")]

use std::sync::Arc;

use uio_bpf::bundle::{MapDef, MapKind, map_flags};
use uio_bpf::check::{Environment, check};
use uio_bpf::helper::{self, Table};
use uio_bpf::interpreter;
use uio_bpf::isa::{FUNCTION_TOKEN, Insn, class, jump};
use uio_bpf::kind::Kind;
use uio_bpf::map::{Map, update_flags};
use uio_bpf::program::Program;
use uio_bpf::run::{End, Host, Memory, Run, STACK_LEN};

use crate::shape;

/// Instructions that a run may take.
const BUDGET: i64 = 3_000;

/// Bytes of the context.
const CONTEXT: usize = 64;

/// Bytes around the stack and the context that nobody may write.
const GUARD: usize = 1024;

/// What the guards hold.
const MARK: u8 = 0x5c;

const HELPERS: Table<'_> = Table {
    own: helper::OWN,
    application: &[],
};

/// Memory with guards on both sides.
#[repr(C, align(16))]
struct Guarded<const N: usize> {
    before: [u8; GUARD],
    inside: [u8; N],
    after: [u8; GUARD],
}

impl<const N: usize> Guarded<N> {
    fn new() -> Box<Self> {
        Box::new(Self {
            before: [MARK; GUARD],
            inside: [0; N],
            after: [MARK; GUARD],
        })
    }

    fn place(&mut self) -> *mut u8 {
        // The way back from a number covers the guards too: an access to them is found by what they hold.
        let whole = core::ptr::from_mut(self).cast::<u8>();
        whole.expose_provenance();
        whole.wrapping_add(GUARD)
    }

    fn check(&self, what: &str) {
        let guards = self.before.iter().chain(&self.after);
        assert!(
            guards.into_iter().all(|byte| *byte == MARK),
            "written around the {what}"
        );
    }
}

/// What is left of a run.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    end: End,
    budget: i64,
    context: Vec<u8>,
    values: Vec<u8>,
}

/// Checks and runs; panics where something is owed. Says whether the program ran.
pub fn check_program(bytes: &[u8]) -> bool {
    let Some((&how, rest)) = bytes.split_first() else {
        return false;
    };
    let code = if how & 1 == 0 {
        rest.chunks_exact(8).map(shape::as_it_is).collect()
    } else {
        shape::likely(rest)
    };
    let kind = if how & 2 == 0 {
        Kind::Executable
    } else {
        Kind::Fentry
    };
    let maps = [
        map(MapKind::Array, 0),
        map(MapKind::Array, map_flags::READ_ONLY),
    ];
    let environment = Environment {
        maps: &maps,
        variables: &[0x5000],
        helpers: &HELPERS,
    };
    let Ok(program) = check("program", kind, &code, &environment) else {
        return false;
    };
    promises(&program, &code);
    let mut memory = (Guarded::new(), Guarded::new());
    let first = run(&program, &maps, &mut memory, 0xa5);
    let again = run(&program, &maps, &mut memory, 0x3c);
    assert_eq!(
        first, again,
        "what is on the stack before makes a difference"
    );
    let last = program.insns.len() as u32;
    if let End::Stopped { at, .. } = first.end {
        assert!(at < last, "stopped at {at} of {last}");
    }
    true
}

fn map(kind: MapKind, flags: u32) -> Arc<Map> {
    let def = MapDef {
        name: "map".into(),
        kind,
        key_size: 4,
        value_size: 24,
        max_entries: 3,
        flags,
        initial: vec![7; 24],
        types: Vec::new(),
    };
    Arc::new(Map::new(&def, 1, 1 << 16).expect("a small map"))
}

/// What the engines rely on.
fn promises(program: &Program, code: &[Insn]) {
    assert_eq!(program.insns.len(), code.len());
    let mut at = 0;
    for function in &program.functions {
        assert!(
            function.start == at && function.end > at,
            "functions are one after the other"
        );
        let last = program.insns[function.end as usize - 1];
        assert!(
            matches!(last.opcode, 0x95 | 0x05 | 0x06),
            "{last:x?} ends a function"
        );
        at = function.end;
    }
    assert_eq!(at as usize, code.len());
    let calls = |insn: &&Insn| insn.opcode == class::JMP | jump::CALL && insn.src() == 0;
    for insn in program.insns.iter().filter(calls) {
        assert!(HELPERS.get(insn.imm as u32).is_some(), "{insn:x?}");
    }
    assert!(program.functions.len() < (u64::MAX - FUNCTION_TOKEN) as usize);
}

/// The stack and the context.
type Places = (Box<Guarded<STACK_LEN>>, Box<Guarded<CONTEXT>>);

/// Runs it on a stack that is full of one byte.
fn run(program: &Program, maps: &[Arc<Map>], (stack, context): &mut Places, left: u8) -> Outcome {
    stack.inside.fill(left);
    context.inside = core::array::from_fn(|index| index as u8);
    for key in 0..3_u32 {
        let key = key.to_le_bytes();
        let cleared = maps[0].update(&key, &[1; 24], update_flags::ANY, 0);
        assert!(cleared.is_ok());
    }
    let writable = program.kind == Kind::Executable;
    let memory = Memory {
        address: context.place() as u64,
        len: CONTEXT as u64,
        writable,
    };
    let (end, budget) = {
        let mut run = Run::new(program, memory, stack.place(), &HELPERS, &Nowhere);
        run.budget = BUDGET;
        // SAFETY: stack and context are this function's, the helpers are those of the check.
        let end = unsafe { interpreter::run(&mut run, [memory.address, memory.len]) };
        (end, run.budget)
    };
    stack.check("stack");
    context.check("context");
    let untouched = context
        .inside
        .iter()
        .enumerate()
        .all(|(index, byte)| index as u8 == *byte);
    assert!(
        writable || untouched,
        "a context that is only read was written"
    );
    let values = |map: &Map, key: u32| {
        let value = map
            .lookup(&key.to_le_bytes(), 0)
            .expect("arrays have all keys");
        // SAFETY: the value is as long, and no program runs.
        unsafe { value.cast::<[u8; 24]>().as_ptr().read() }
    };
    assert_eq!(
        values(&maps[1], 0),
        [7; 24],
        "a map that is only read was written"
    );
    Outcome {
        end,
        budget,
        context: context.inside.to_vec(),
        values: (0..3).flat_map(|key| values(&maps[0], key)).collect(),
    }
}

/// No kernel.
struct Nowhere;

impl Host for Nowhere {
    fn now(&self) -> u64 {
        1
    }
    fn core(&self) -> u32 {
        0
    }
    fn cores(&self) -> u32 {
        1
    }
    fn task(&self) -> u32 {
        2
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
        4
    }
    fn ring(&self, _: &Map) {}
}
