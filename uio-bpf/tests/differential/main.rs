//! The interpreter and compiled code, on the same programs.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod generator;
mod lab;

use generator::Source;
use iced_x86::{Decoder, DecoderOptions};
use uio_bpf::jit::host::Compiled;
use lab::{Engine, Lab, checked};

/// What programs at random may take.
const BUDGETS: [i64; 4] = [2_000, 100, 7, 20_000];

fn programs() -> u64 {
    let wanted = std::env::var("UIO_BPF_PROGRAMS").ok();
    wanted.map_or(20_000, |count| count.parse().expect("UIO_BPF_PROGRAMS: a number"))
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

#[test]
fn programs_at_random_end_alike() {
    let mut lab = Lab::new();
    let (mut returned, mut stopped, mut skipped) = (0, 0, 0);
    for seed in 0..programs() {
        let code = generator::program(&mut Source::Seed(seed));
        let compiled = lab.load(&code).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        let budget = BUDGETS[seed as usize % BUDGETS.len()];
        let expected = lab.run(compiled.program(), Engine::Interpreter, budget);
        if checked(expected.end) {
            skipped += 1;
            continue;
        }
        let found = lab.run(compiled.program(), Engine::Jit, budget);
        assert!(
            expected == found,
            "seed {seed}, budget {budget}: the interpreter {expected:x?}, compiled {found:x?}\n{}",
            listing(&compiled)
        );
        match found.end {
            uio_bpf::run::End::Returned(_) => returned += 1,
            uio_bpf::run::End::Stopped { .. } => stopped += 1,
        }
    }
    let all = programs();
    assert!(skipped == 0, "{skipped} of {all} accessed what they may not");
    assert!(returned > all / 2, "only {returned} of {all} came to their end");
    assert!(stopped > all / 100, "only {stopped} of {all} were stopped");
}
