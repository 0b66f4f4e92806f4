//! The programs that `uio trace` and `uio perf` attach.

use uio_bpf::bundle::{Bundle, MapDef, MapKind, ProgramDef, VERSION};
use uio_bpf::isa::{alu, jump};
use uio_bpf::kind::Kind;

use super::asm::Asm;

/// What a trace collects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collect {
    /// How often each function is entered.
    Counts,
    /// How long each call takes, in powers of two of nanoseconds.
    Latency,
    /// How long each call takes, in steps of so many nanoseconds.
    Linear(u32),
    /// Each call with its arguments.
    Calls,
    /// Each return with its arguments, value and duration.
    Returns,
    /// From where each function is called.
    Stacks,
}

/// Helpers by their numbers (`uio bpf spec`).
mod helper {
    pub const LOOKUP: u32 = 1;
    pub const UPDATE: u32 = 2;
    pub const NOW: u32 = 5;
    pub const TASK: u32 = 14;
    pub const STACK_ID: u32 = 27;
    pub const RING_OUTPUT: u32 = 130;
}

/// Offsets in the contexts (`uio_bpf::kind`).
mod context {
    pub const FUNCTION: i16 = 0;
    pub const ARGUMENTS: i16 = 8;
    pub const RETURNED: i16 = 64;
    pub const DURATION: i16 = 72;
    pub const TICK_INSTRUCTION: i16 = 24;
}

/// Index of the map of counts, or of events.
pub const DATA: usize = 0;
/// Index of the map of stacks.
pub const STACKS: usize = 1;

/// Frames of a stack that are kept.
pub const FRAMES: u32 = 32;

/// Bytes of a key and of a value of counts.
pub const COUNT: (usize, usize) = (16, 8);
/// Bytes of a key and of a value of stacks.
pub const STACK: (usize, usize) = (4, 8 * FRAMES as usize);

/// Most keys that are counted apart.
const KEYS: u32 = 8192;
/// Most stacks.
const MOST_STACKS: u32 = 2048;
/// Bytes of the ring of events.
const RING: u32 = 256 * 1024;

/// Words of an event: nanoseconds since boot, task, function, six arguments; of a return also the value and the duration.
pub const CALL_WORDS: usize = 9;
/// See [`CALL_WORDS`].
pub const RETURN_WORDS: usize = 11;

/// No entry of that key may be there (`BPF_NOEXIST`).
const NO_EXIST: i32 = 1;

/// The bundle that collects this.
#[must_use]
pub fn bundle(name: &str, collect: Collect) -> Bundle {
    let (kind, code) = match collect {
        Collect::Counts => (Kind::Fentry, count(Key::Function)),
        Collect::Latency => (Kind::Fexit, count(Key::Log2)),
        Collect::Linear(width) => (Kind::Fexit, count(Key::Linear(width.max(1)))),
        Collect::Calls => (Kind::Fentry, event(CALL_WORDS)),
        Collect::Returns => (Kind::Fexit, event(RETURN_WORDS)),
        Collect::Stacks => (Kind::Fentry, count(Key::Stack)),
    };
    of(
        name,
        kind,
        code,
        matches!(collect, Collect::Calls | Collect::Returns),
    )
}

/// The bundle that samples what runs.
#[must_use]
pub fn sampler(name: &str) -> Bundle {
    of(name, Kind::Timer, count(Key::Sample), false)
}

fn of(name: &str, kind: Kind, code: Vec<u8>, events: bool) -> Bundle {
    let data = match events {
        true => map(&format!("{name}.events"), MapKind::RingBuffer, 0, 0, RING),
        false => map(&format!("{name}.counts"), MapKind::Hash, 16, 8, KEYS),
    };
    let stacks = format!("{name}.stacks");
    let maps = vec![
        data,
        map(&stacks, MapKind::StackTrace, 4, FRAMES * 8, MOST_STACKS),
    ];
    let used = if events { 1 } else { 2 };
    Bundle {
        version: VERSION,
        license: String::new(),
        maps: maps.into_iter().take(used).collect(),
        variables: Vec::new(),
        programs: vec![ProgramDef {
            name: name.to_owned(),
            kind,
            target: String::new(),
            code,
        }],
    }
}

fn map(name: &str, kind: MapKind, key_size: u32, value_size: u32, max_entries: u32) -> MapDef {
    MapDef {
        name: name.to_owned(),
        kind,
        key_size,
        value_size,
        max_entries,
        flags: 0,
        initial: Vec::new(),
        types: Vec::new(),
    }
}

/// What is counted apart: two words.
#[derive(Clone, Copy)]
enum Key {
    /// The function, and 0.
    Function,
    /// The function, and the power of two that its duration reaches.
    Log2,
    /// The function, and the step that its duration is in.
    Linear(u32),
    /// The function, and the number of the stack.
    Stack,
    /// Where the timer came in between, and the number of the stack.
    Sample,
}

const FRAME: u8 = 10;
/// Where the key and a value of one are on the program's stack.
const KEY: i16 = -16;
const ONE: i16 = -24;

/// Counts by a key.
fn count(key: Key) -> Vec<u8> {
    let mut asm = Asm::default();
    asm.copy(6, 1);
    let first = match key {
        Key::Sample => context::TICK_INSTRUCTION,
        _ => context::FUNCTION,
    };
    asm.load(1, 6, first);
    asm.store(FRAME, KEY, 1);
    second_word(&mut asm, key);
    asm.store(FRAME, KEY + 8, 0);
    let (fresh, end) = (asm.place(), asm.place());
    lookup(&mut asm);
    asm.jump_if(jump::JEQ, 0, 0, fresh);
    asm.set(1, 1);
    asm.add_atomically(0, 0, 1);
    asm.set(0, 0);
    asm.exit();
    asm.here(fresh);
    asm.store_value(FRAME, ONE, 1);
    asm.map(1, DATA);
    address(&mut asm, 2, KEY);
    address(&mut asm, 3, ONE);
    asm.set(4, NO_EXIST);
    asm.call(helper::UPDATE);
    asm.jump_if(jump::JEQ, 0, 0, end);
    // Another core was faster, or the map is full.
    lookup(&mut asm);
    asm.jump_if(jump::JEQ, 0, 0, end);
    asm.set(1, 1);
    asm.add_atomically(0, 0, 1);
    asm.here(end);
    asm.set(0, 0);
    asm.exit();
    asm.finish()
}

fn lookup(asm: &mut Asm) {
    asm.map(1, DATA);
    address(asm, 2, KEY);
    asm.call(helper::LOOKUP);
}

/// `register =` an address on the program's stack.
fn address(asm: &mut Asm, register: u8, off: i16) {
    asm.copy(register, FRAME);
    asm.alu_by(alu::ADD, register, off.into());
}

/// Register 0 becomes the second word of the key.
fn second_word(asm: &mut Asm, key: Key) {
    match key {
        Key::Function => asm.set(0, 0),
        Key::Log2 => log2(asm),
        Key::Linear(width) => {
            asm.load(0, 6, context::DURATION);
            asm.set_wide(1, width.into());
            asm.alu(alu::DIV, 0, 1);
        }
        Key::Stack | Key::Sample => {
            asm.copy(1, 6);
            asm.map(2, STACKS);
            asm.set(3, 0);
            asm.call(helper::STACK_ID);
        }
    }
}

/// Register 0 becomes the number of the highest bit of the duration that is set, and one: 0 for a duration of 0.
fn log2(asm: &mut Asm) {
    asm.load(1, 6, context::DURATION);
    asm.set(0, 0);
    for bits in [32, 16, 8, 4, 2, 1] {
        let skip = asm.place();
        asm.copy(2, 1);
        asm.alu_by(alu::RSH, 2, bits);
        asm.jump_if(jump::JEQ, 2, 0, skip);
        asm.copy(1, 2);
        asm.alu_by(alu::ADD, 0, bits);
        asm.here(skip);
    }
    // What is left is 0 or 1.
    asm.alu(alu::ADD, 0, 1);
}

/// Sends an event of so many words.
fn event(words: usize) -> Vec<u8> {
    let mut asm = Asm::default();
    let start = -8 * words as i16;
    asm.copy(6, 1);
    asm.call(helper::NOW);
    asm.store(FRAME, start, 0);
    asm.call(helper::TASK);
    asm.store(FRAME, start + 8, 0);
    asm.load(1, 6, context::FUNCTION);
    asm.store(FRAME, start + 16, 1);
    for argument in 0..6 {
        asm.load(1, 6, context::ARGUMENTS + 8 * argument);
        asm.store(FRAME, start + 24 + 8 * argument, 1);
    }
    if words == RETURN_WORDS {
        asm.load(1, 6, context::RETURNED);
        asm.store(FRAME, start + 72, 1);
        asm.load(1, 6, context::DURATION);
        asm.store(FRAME, start + 80, 1);
    }
    asm.map(1, DATA);
    address(&mut asm, 2, start);
    asm.set(3, 8 * words as i32);
    asm.set(4, 0);
    asm.call(helper::RING_OUTPUT);
    asm.set(0, 0);
    asm.exit();
    asm.finish()
}
