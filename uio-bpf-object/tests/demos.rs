//! The programs of `demos/bpf`: compiled, loaded and run with the interpreter, for what they leave in their maps.

#![allow(unsafe_code, reason = "runs programs")]

#[allow(dead_code, reason = "each test uses some of it")]
mod common;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use uio_bpf::helper::{OWN, Table};
use uio_bpf::interpreter;
use uio_bpf::load::{Loading, MEMORY, Runtime};
use uio_bpf::map::{Map, Record};
use uio_bpf::program::Program;
use uio_bpf::run::{End, Host, Memory, Run, STACK_LEN};
use uio_bpf_object::{Options, read};

/// A kernel whose clock goes on by a second each time that somebody looks.
#[derive(Default)]
struct Fake(AtomicU64);

impl Host for Fake {
    fn now(&self) -> u64 {
        self.0.fetch_add(1_000_000_000, Ordering::Relaxed)
    }
    fn core(&self) -> u32 {
        1
    }
    fn cores(&self) -> u32 {
        2
    }
    fn task(&self) -> u32 {
        5
    }
    fn task_name(&self, out: &mut [u8]) -> usize {
        let name = b"worker";
        out.iter_mut()
            .zip(name)
            .map(|(to, from)| *to = *from)
            .count()
    }
    fn read(&self, _: u64, out: &mut [u8]) -> bool {
        out.fill(0);
        false
    }
    fn stack(&self, _: &Run<'_>, _: u32, out: &mut [u64]) -> usize {
        let frames = [0x10_u64, 0x20];
        out.iter_mut()
            .zip(frames)
            .map(|(to, from)| *to = from)
            .count()
    }
    fn symbol(&self, _: &[u8]) -> u64 {
        0
    }
    fn print(&self, _: &Program, line: &[u8]) {
        assert_eq!(line, b" calls 0x1000 on core 1");
    }
    fn random(&self) -> u32 {
        4
    }
    fn ring(&self, _: &Map) {}
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A demo, loaded.
fn load(name: &str) -> Runtime {
    let source = root().join(format!("demos/bpf/{name}.bpf.c"));
    let source = std::fs::read_to_string(source).unwrap();
    let include = root().join("include");
    let include = include.to_str().expect("the path is a text");
    let bytes = common::compile_with(&source, &["-Wall", "-Werror", "-I", include]);
    let bundle = read(&bytes, &Options::default()).unwrap().bundle;
    let bytes = postcard::to_allocvec(&bundle).unwrap();
    let mut runtime = Runtime::new(MEMORY);
    let loaded = runtime.load(
        &bytes,
        &mut Loading {
            helpers: &HELPERS,
            cores: 2,
            core: 0,
            address: &|_| None,
            prepare: &mut |_| true,
            discard: &mut |_| {},
        },
    );
    loaded.unwrap();
    runtime
}

const HELPERS: Table<'static> = Table {
    own: OWN,
    application: &[],
};

#[repr(C, align(16))]
struct Stack([u8; STACK_LEN]);

/// Runs a program with words as its context. What it returned.
fn run(runtime: &Runtime, host: &Fake, name: &str, context: &[u64]) -> u64 {
    let mut context: Vec<u8> = context.iter().flat_map(|word| word.to_le_bytes()).collect();
    let memory = Memory {
        address: context.as_mut_ptr().expose_provenance() as u64,
        len: context.len() as u64,
        writable: false,
    };
    let program = &runtime.program_named(name).unwrap().program;
    let mut stack = Stack([0; STACK_LEN]);
    let mut run = Run::new(program, memory, (&raw mut stack.0).cast(), &HELPERS, host);
    // SAFETY: stack and context are this function's, the program was checked with the same helpers.
    match unsafe { interpreter::run(&mut run, [memory.address, 0]) } {
        End::Returned(value) => value,
        end => panic!("{name}: {end:?}"),
    }
}

/// The values that a map has for a key, one for each core that has its own.
fn values(runtime: &Runtime, name: &str, key: &[u8]) -> Vec<u64> {
    let map = &runtime.map_named(name).unwrap().map;
    let mut out = vec![0; map.value_len()];
    map.read(key, &mut out, 0).unwrap();
    out.chunks(8)
        .map(|word| u64::from_le_bytes(word.try_into().unwrap()))
        .collect()
}

/// The context of a function's entry.
const ENTRY: [u64; 8] = [0x1000, 7, 8, 9, 10, 11, 12, 0x2000];

/// The context of its end, after so many nanoseconds.
fn exit(duration: u64) -> Vec<u64> {
    [&ENTRY[..], &[0, duration]].concat()
}

#[test]
fn counter() {
    let runtime = load("counter");
    for _ in 0..3 {
        run(&runtime, &Fake::default(), "count", &ENTRY);
        run(&runtime, &Fake::default(), "count_by_core", &ENTRY);
    }
    assert_eq!(values(&runtime, "calls", &[0; 4]), [3]);
    assert_eq!(values(&runtime, "calls_by_core", &[0; 4]), [0, 3]);
}

#[test]
fn latency() {
    let runtime = load("latency");
    let host = Fake::default();
    for (duration, slot) in [
        (0, 0),
        (1, 0),
        (2, 1),
        (3, 1),
        (1023, 9),
        (1024, 10),
        (1 << 40, 40),
        (u64::MAX, 63),
    ] {
        let key = u32::to_le_bytes(slot);
        let before = values(&runtime, "histogram", &key)[0];
        run(&runtime, &host, "latency", &exit(duration));
        assert_eq!(
            values(&runtime, "histogram", &key),
            [before + 1],
            "{duration}"
        );
    }
    // With two programs: a second, as the clock says.
    run(&runtime, &host, "entered", &ENTRY);
    run(&runtime, &host, "left", &exit(0));
    run(&runtime, &host, "left", &exit(0));
    assert_eq!(values(&runtime, "histogram", &29_u32.to_le_bytes()), [1]);
}

#[test]
fn ring() {
    let runtime = load("ring");
    run(&runtime, &Fake::default(), "tell", &ENTRY);
    let map = &runtime.map_named("calls").unwrap().map;
    let mut out = [0; 64];
    assert_eq!(map.ring().unwrap().read(&mut out), Record::Read(64));
    let word = |at: usize| u64::from_le_bytes(out[at..at + 8].try_into().unwrap());
    assert_eq!([word(8), word(16), word(24), word(32)], [0x1000, 7, 8, 9]);
    assert_eq!(word(40), 5 | 1 << 32, "task and core");
    assert_eq!(&out[48..], b"worker\0\0\0\0\0\0\0\0\0\0");
    // Nobody reads: what is lost is counted.
    for _ in 0..64 * 1024 / 72 + 5 {
        run(&runtime, &Fake::default(), "tell", &ENTRY);
    }
    let data = runtime
        .maps()
        .iter()
        .find(|loaded| loaded.map.def().name.contains("bss"));
    let mut lost = [0; 8];
    data.unwrap().map.read(&[0; 4], &mut lost, 0).unwrap();
    assert_eq!(
        u64::from_le_bytes(lost),
        u64::from(map.ring().unwrap().lost())
    );
    assert!(u64::from_le_bytes(lost) >= 5);
}

#[test]
fn hash() {
    let runtime = load("hash");
    for _ in 0..2 {
        run(&runtime, &Fake::default(), "by_task", &ENTRY);
        run(&runtime, &Fake::default(), "by_argument", &ENTRY);
    }
    assert_eq!(values(&runtime, "calls_by_task", &5_u32.to_le_bytes()), [2]);
    assert_eq!(
        values(&runtime, "calls_by_argument", &7_u64.to_le_bytes()),
        [2]
    );
}

#[test]
fn stacks() {
    let runtime = load("stacks");
    run(&runtime, &Fake::default(), "from_where", &ENTRY);
    run(&runtime, &Fake::default(), "from_where", &ENTRY);
    let map = &runtime.map_named("stacks").unwrap().map;
    let mut number = [0; 4];
    assert_eq!(map.next_key(None, &mut number, 0), Ok(true));
    assert_eq!(values(&runtime, "stacks", &number)[..3], [0x10, 0x20, 0]);
    assert_eq!(values(&runtime, "calls_by_stack", &number), [2]);
}

#[test]
fn timer() {
    let runtime = load("timer");
    for _ in 0..3 {
        run(&runtime, &Fake::default(), "sample", &[1, 0, 0, 0x1234]);
    }
    assert_eq!(values(&runtime, "samples", &0x1234_u64.to_le_bytes()), [3]);
    assert_eq!(&*runtime.programs()[0].target, "10ms");
}

#[test]
fn hello() {
    let runtime = load("hello");
    assert_eq!(run(&runtime, &Fake::default(), "hello", &ENTRY), 0);
}

#[test]
fn sum_and_tail_calls() {
    let runtime = load("sum");
    let program = &runtime.program_named("sum").unwrap().program;
    let mut buffer: Vec<u8> = (1..=100).collect();
    let host = Fake::default();
    let go = |program: &Program, buffer: &mut [u8]| {
        let memory = Memory {
            address: buffer.as_mut_ptr().expose_provenance() as u64,
            len: buffer.len() as u64,
            writable: true,
        };
        let mut stack = Stack([0; STACK_LEN]);
        let mut run = Run::new(program, memory, (&raw mut stack.0).cast(), &HELPERS, &host);
        // SAFETY: as in `run`.
        unsafe { interpreter::run(&mut run, [memory.address, memory.len]) }
    };
    assert_eq!(go(program, &mut buffer), End::Returned(5050));
    assert_eq!(buffer[..8], 5050_u64.to_le_bytes());
    let runtime = load("tailcall");
    let program = &runtime.program_named("start").unwrap().program;
    assert_eq!(go(program, &mut [0, 6, 7]), End::Returned(13));
    assert_eq!(go(program, &mut [1, 6, 7]), End::Returned(42));
    assert_eq!(go(program, &mut [3, 6, 7]), End::Returned(u64::MAX));
}
