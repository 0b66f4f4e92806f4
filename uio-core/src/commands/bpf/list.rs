//! `bpf list`: the programs that are loaded. `bpf show PROGRAM`: one of them.

use alloc::sync::Arc;

use uio_bpf::load::LoadedProgram;
use uio_bpf::program::Program;
use uio_bpf::wire::{self, Answer, What};

use super::answer::Batch;
use super::call::{Call, program};
use crate::bpf::Tracing;
use crate::command::Stop;

pub(super) fn all(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let tracing = call.tracing;
    let mut batch = Batch::new();
    call.with(|runtime| {
        for loaded in runtime.programs() {
            batch.add(&told(loaded, links(tracing, &loaded.program)));
        }
    })?;
    batch.send(call.cx)
}

pub(super) fn one(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let (tracing, word) = (call.tracing, call.word(0));
    let mut batch = Batch::new();
    let found = call.with(|runtime| {
        let loaded = program(runtime, word.bytes)?;
        batch.add(&told(loaded, links(tracing, &loaded.program)));
        Some(())
    })?;
    match found {
        Some(()) => batch.send(call.cx),
        None => Err(call.none(word, What::Program)),
    }
}

/// What is told of a program.
pub(super) fn told(loaded: &LoadedProgram, links: u32) -> Answer<'_> {
    let program = &loaded.program;
    let native = program.native.as_ref().map(|code| code.range());
    Answer::Program(wire::Program {
        id: loaded.id,
        name: &program.name,
        kind: program.kind,
        target: &loaded.target,
        insns: program.insns.len() as u32,
        native: native.map_or(0, |range| (range.end - range.start) as u32),
        links,
    })
}

/// How many links a program has.
fn links(tracing: &dyn Tracing, program: &Arc<Program>) -> u32 {
    let mut count = 0;
    tracing.links(&mut |link| count += u32::from(Arc::ptr_eq(link.program, program)));
    count
}
