//! The interpreter and compiled code, on the same programs.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod generator;
mod lab;

use generator::Source;
use iced_x86::{Decoder, DecoderOptions};
use lab::{Engine, Lab, checked};
use uio_bpf::jit::host::Compiled;
use uio_bpf::run::End;

/// What programs at random may take.
const BUDGETS: [i64; 4] = [2_000, 100, 7, 20_000];

fn number(variable: &str, otherwise: u64) -> u64 {
    let wanted = std::env::var(variable).ok();
    wanted.map_or(otherwise, |number| {
        number.parse().expect("the variable is a number")
    })
}

/// A program and its code, to be read where a test fails.
fn listing(compiled: &Compiled) -> String {
    let program = compiled.program();
    let code = program.native.as_ref().expect("it was compiled");
    let start = code.range().start;
    let mut decoder = Decoder::with_ip(64, compiled.bytes(), start, DecoderOptions::NONE);
    let mut text = String::new();
    let mut shown = None;
    while decoder.can_decode() {
        let native = decoder.decode();
        let at = code.instruction_at(program, &lab::HELPERS, native.ip());
        if at != shown {
            shown = at;
            let insn = at.map(|at| program.insns[at as usize]);
            text += &format!("{at:?}: {insn:x?}\n");
        }
        text += &format!("        {:x}: {native}\n", native.ip() - start);
    }
    text
}

/// Runs a program under both engines. Gives how it ended; nothing if the interpreter alone ended it.
///
/// # Panics
/// When they do not end alike.
fn compare(lab: &mut Lab, source: &mut Source<'_>, name: &str, seed: u64) -> Option<End> {
    let code = generator::program(source);
    let compiled = lab.load(&code);
    let compiled = compiled.unwrap_or_else(|why| panic!("{name}: {why}"));
    let budget = BUDGETS[seed as usize % BUDGETS.len()];
    let expected = lab.run(compiled.program(), Engine::Interpreter, budget);
    if checked(expected.end) {
        return None;
    }
    let engine = [Engine::Jit, Engine::Entered][seed as usize / 4 % 2];
    let found = lab.run(compiled.program(), engine, budget);
    assert!(
        expected == found,
        "{name}, budget {budget}: the interpreter {expected:x?}, compiled {found:x?}\n{}",
        listing(&compiled)
    );
    Some(found.end)
}

#[test]
fn programs_at_random_end_alike() {
    let mut lab = Lab::new();
    let (mut returned, mut stopped, mut skipped) = (0, 0, 0);
    let first = number("UIO_BPF_FIRST", 0);
    let all = number("UIO_BPF_PROGRAMS", 20_000);
    for seed in first..first + all {
        let name = format!("seed {seed}");
        match compare(&mut lab, &mut Source::Seed(seed), &name, seed) {
            Some(End::Returned(_)) => returned += 1,
            Some(End::Stopped { .. }) => stopped += 1,
            None => skipped += 1,
        }
    }
    assert!(
        skipped == 0,
        "{skipped} of {all} accessed what they may not"
    );
    assert!(
        returned > all / 2,
        "only {returned} of {all} came to their end"
    );
    assert!(stopped > all / 100, "only {stopped} of {all} were stopped");
}

/// What the fuzz target found so far.
#[test]
fn the_corpus_ends_alike() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/engines");
    let mut lab = Lab::new();
    let mut compared = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus") {
        let bytes = std::fs::read(entry.expect("an entry").path()).expect("an input");
        compared += usize::from(lab::compare(&mut lab, &bytes));
    }
    assert!(compared > 20, "{compared}");
}
