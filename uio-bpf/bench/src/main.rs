//! Compares the engines with those of rbpf on the same programs, in turns: `uio-bpf-bench TURNS` prints nanoseconds
//! by program and engine as JSON. `cargo xtask bench bpf` runs it.
#![deny(unsafe_code)]

mod ours;
mod programs;
mod theirs;

use std::time::Instant;

use serde_json::{Map, Value, json};

fn main() {
    let repeat = std::env::args().nth(1).and_then(|n| n.parse().ok());
    let repeat: usize = repeat.unwrap_or(5);
    let map = ours::map();
    let mut programs = Vec::new();
    for program in programs::all(std::sync::Arc::as_ptr(&map) as u64) {
        let ours = ours::Ready::new(&program.code, &map, programs::MEMORY_LEN);
        let theirs = theirs::Ready::new(&program.code, &map, programs::MEMORY_LEN);
        let mut interpreter = theirs.interpreter();
        let mut compiled = theirs.compiled();
        let ours = std::cell::RefCell::new(ours);
        let mut engines: Vec<Run<'_>> = vec![
            ("interpreter", Box::new(|| ours.borrow_mut().interpret())),
            ("rbpf.interpreter", Box::new(&mut interpreter)),
            ("jit", Box::new(|| ours.borrow_mut().compiled())),
            ("rbpf.jit", Box::new(&mut compiled)),
        ];
        let clear = || clear(&map);
        let times = compare(&mut engines, repeat, &clear, program.name);
        programs.push(json!({
            "name": program.name,
            "what": program.what,
            "nanoseconds": times,
        }));
    }
    println!("{:#}", Value::from(programs));
}

/// What an engine is called, and what runs the program under it.
type Run<'a> = (&'a str, Box<dyn FnMut() -> u64 + 'a>);

/// Runs the program under each engine in turn, so often. All must give the same.
fn compare(
    engines: &mut [Run<'_>],
    repeat: usize,
    clear: &dyn Fn(),
    name: &str,
) -> Map<String, Value> {
    let mut results = Vec::new();
    for (_, run) in engines.iter_mut() {
        clear();
        results.push(run());
    }
    assert!(
        results.windows(2).all(|pair| pair[0] == pair[1]),
        "{name}: the engines do not agree: {results:x?}"
    );
    let mut times: Vec<Vec<u64>> = engines.iter().map(|_| Vec::new()).collect();
    for _ in 0..repeat {
        for ((_, run), times) in engines.iter_mut().zip(&mut times) {
            clear();
            times.push(quickest(run.as_mut()));
        }
    }
    let names = engines.iter().map(|(name, _)| (*name).to_owned());
    names.zip(times.into_iter().map(Value::from)).collect()
}

/// The quickest of a few runs, in nanoseconds: what else the machine does only makes them slower.
fn quickest(run: &mut dyn FnMut() -> u64) -> u64 {
    let mut best = u64::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        std::hint::black_box(run());
        best = best.min(start.elapsed().as_nanos() as u64);
    }
    best
}

/// Makes all values of the map zero.
fn clear(map: &uio_bpf::map::Map) {
    for key in 0..programs::ENTRIES {
        let cleared = map.update(
            &key.to_le_bytes(),
            &[0; 8],
            uio_bpf::map::update_flags::ANY,
            0,
        );
        assert!(cleared.is_ok(), "a key of the map");
    }
}
