//! `bpf list`: the programs that are loaded. `bpf show PROGRAM`: one of them.

use alloc::sync::Arc;

use uio_bpf::load::LoadedProgram;
use uio_bpf::program::Program;
use uio_bpf::wire::{self, Answer};

use super::answer::Batch;
use super::call::Call;
use crate::bpf::Tracing;
use crate::command::Stop;

pub(super) fn all(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    some(call, &|_| true)
}

pub(super) fn one(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let program = call.program(call.word(0))?.program;
    some(call, &|loaded| Arc::ptr_eq(&loaded.program, &program))
}

/// Tells of such programs.
#[inline(never)]
fn some(call: &mut Call<'_, '_>, wanted: &dyn Fn(&LoadedProgram) -> bool) -> Result<(), Stop> {
    let tracing = call.tracing;
    let mut batch = Batch::new();
    call.with(|runtime| {
        let programs = runtime.programs().iter();
        for loaded in programs.filter(|loaded| wanted(loaded)) {
            batch.add(&told(loaded, links(tracing, &loaded.program)));
        }
    })?;
    batch.send(call.cx)
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
