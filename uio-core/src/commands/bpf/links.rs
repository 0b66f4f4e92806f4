//! `bpf links`: what programs are attached to. `bpf links LINK…`: these, and the functions of each.

use alloc::sync::Arc;
use alloc::vec::Vec;

use uio_bpf::load::Runtime;
use uio_bpf::program::Program;
use uio_bpf::wire::{Answer, Link, Place, What};

use super::answer::Batch;
use super::call::{Call, id};
use super::line::Word;
use crate::bpf::{LinkInfo, Point, Tracing};
use crate::command::Stop;

pub(super) fn run(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    if call.line.count == 0 {
        return some(call, &|_| true, false).map(|_| ());
    }
    for number in 0..call.line.count {
        let word = call.word(number);
        if !some(call, &|link| is(link, word.bytes), true)? {
            return Err(none(call, word));
        }
    }
    Ok(())
}

/// Tells of one link.
pub(super) fn tell(call: &mut Call<'_, '_>, number: u32) -> Result<(), Stop> {
    some(call, &|link| link.id == number, false).map(|_| ())
}

/// Tells of such links, and of their functions. Whether there are any.
#[inline(never)]
fn some(
    call: &mut Call<'_, '_>,
    wanted: &dyn Fn(&LinkInfo<'_>) -> bool,
    functions: bool,
) -> Result<bool, Stop> {
    let (base, tracing) = (call.cx.system().image().base, call.tracing);
    let mut batch = Batch::new();
    let mut any = false;
    call.with(|runtime| {
        tracing.links(&mut |link| {
            if !wanted(link) {
                return;
            }
            any = true;
            batch.add(&told(link, base, runtime));
            if functions {
                each_function(link.to, &mut |address| {
                    let offset = address.wrapping_sub(base);
                    batch.add(&Answer::Function { offset });
                });
            }
        });
    })?;
    batch.send(call.cx)?;
    Ok(any)
}

/// Whether a word means a link: by its number, or by the name of its program.
pub(super) fn is(link: &LinkInfo<'_>, word: &[u8]) -> bool {
    match id(word) {
        Some(id) => link.id == id,
        None => link.program.name.as_bytes() == word,
    }
}

/// The numbers of the links that a word means.
pub(super) fn named(tracing: &dyn Tracing, word: &[u8]) -> Vec<u32> {
    let mut found = Vec::new();
    tracing.links(&mut |link| {
        if is(link, word) {
            found.push(link.id);
        }
    });
    found
}

/// Adds the numbers of the links of a program.
pub(super) fn of(tracing: &dyn Tracing, program: &Arc<Program>, found: &mut Vec<u32>) {
    tracing.links(&mut |link| {
        if Arc::ptr_eq(link.program, program) {
            found.push(link.id);
        }
    });
}

/// Says that there is no such link.
pub(super) fn none(call: &mut Call<'_, '_>, word: Word<'_>) -> Stop {
    call.none(word, What::Link)
}

fn each_function(to: Point<'_>, each: &mut dyn FnMut(u64)) {
    match to {
        Point::Functions(addresses) => addresses.iter().for_each(|&address| each(address)),
        Point::Breakpoints(places) => places.iter().for_each(|&(address, _)| each(address)),
        Point::Probe(_) | Point::Timer(_) => {}
    }
}

/// What is told of a link.
fn told<'l>(link: &LinkInfo<'l>, base: u64, runtime: &Runtime) -> Answer<'l> {
    let (mut count, mut first) = (0, 0);
    each_function(link.to, &mut |address| {
        if count == 0 {
            first = address.wrapping_sub(base);
        }
        count += 1;
    });
    let mut loaded = runtime.programs().iter();
    let loaded = loaded.find(|loaded| Arc::ptr_eq(&loaded.program, link.program));
    Answer::Link(Link {
        id: link.id,
        program: loaded.map_or(0, |loaded| loaded.id),
        name: &link.program.name,
        kind: link.program.kind,
        to: match link.to {
            Point::Probe(name) => Place::Probe(name),
            Point::Timer(period) => Place::Timer(period),
            Point::Functions(_) | Point::Breakpoints(_) => Place::Functions { count, first },
        },
        runs: link.runs,
        stopped: link.stopped,
        last: link.last,
    })
}
