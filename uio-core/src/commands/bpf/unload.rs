//! `bpf unload [--force] PROGRAM…`: unloads the bundle that a program came in, with all of its programs and with the maps
//! that no other one has. Refused while one of them is attached; `--force` detaches them first.

use alloc::vec::Vec;

use uio_bpf::load::UnloadError;
use uio_bpf::wire::{Trouble, What};

use super::call::Call;
use super::line::{Word, option};
use super::{detach, links};
use crate::command::Stop;

pub(super) fn run(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    for number in 0..call.line.count {
        let word = call.word(number);
        one(call, word)?;
    }
    Ok(())
}

fn one(call: &mut Call<'_, '_>, word: Word<'_>) -> Result<(), Stop> {
    let (tracing, force) = (call.tracing, call.line.has(option::FORCE));
    let bundle = call.program(word)?.bundle;
    if force {
        let mut attached = Vec::new();
        call.with(|runtime| {
            let programs = runtime.programs().iter();
            for loaded in programs.filter(|loaded| loaded.bundle == bundle) {
                links::of(tracing, &loaded.program, &mut attached);
            }
        })?;
        detach::all(call, word.arg, &attached)?;
    }
    let core = tracing.host().core();
    // Programs have their machine code with them.
    match call.with(|runtime| runtime.unload(bundle, core, &mut |_| {}))? {
        Ok(_) => Ok(()),
        Err(UnloadError::InUse(_)) => Err(call.trouble(word.arg, &Trouble::InUse)),
        Err(UnloadError::None) => Err(call.none(word, What::Program)),
    }
}
