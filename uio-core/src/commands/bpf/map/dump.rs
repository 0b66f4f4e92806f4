//! `bpf map dump MAP`: all entries of a map. `bpf map get MAP KEY`: one of them.

use alloc::vec::Vec;

use uio_bpf::errno::Errno;
use uio_bpf::load::Runtime;
use uio_bpf::map::Map;
use uio_bpf::wire::{Answer, Trouble, What};

use super::super::answer::{answer, first, more};
use super::super::call::{Call, quietly};
use super::introduce;
use crate::bpf::Tracing;
use crate::command::{PIECE, Stop, buffer};

/// How many entries are looked at before anything else may happen on the core.
const AT_ONCE: u32 = 32;

pub(in super::super) fn dump(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let map = introduce(call)?;
    let (key, value) = (map.key_size() as usize, map.value_len());
    let mut out = Vec::new();
    let mut from = 0;
    while from < map.positions() {
        call.cx.check()?;
        let to = from.saturating_add(AT_ONCE).min(map.positions());
        if out.try_reserve((to - from) as usize * (key + value)).is_err() {
            return Err(call.trouble(call.line.last, &Trouble::Memory));
        }
        for position in from..to {
            let start = out.len();
            out.resize(start + key + value, 0);
            let place = out.get_mut(start..).unwrap_or_default();
            if !entry_at(call, &map, position, place)? {
                out.truncate(start);
            }
        }
        from = to;
        // What does not fill a piece goes with what comes next.
        let whole = match from < map.positions() {
            true => out.len() / PIECE * PIECE,
            false => out.len(),
        };
        for piece in out.get(..whole).unwrap_or_default().chunks(PIECE) {
            answer(call.cx, &Answer::Entries(piece))?;
        }
        out.drain(..whole);
    }
    Ok(())
}

/// Copies the key and the value of the entry of that number; false if there is none.
fn entry_at(
    call: &mut Call<'_, '_>,
    map: &Map,
    position: u32,
    out: &mut [u8],
) -> Result<bool, Stop> {
    let (key, value) = out.split_at_mut(map.key_size() as usize);
    let there = quietly(call.tracing, |core| {
        map.key_at(position, key, core) == Ok(true)
            && (map.programs().is_some() || map.read(key, value, core).is_ok())
    });
    if there == Some(true) && map.programs().is_some() {
        let tracing = call.tracing;
        let number = call.with(|runtime| program_at(runtime, map, position, tracing))?;
        put(value, number);
    }
    Ok(there == Some(true))
}

/// The number of the program in a slot of a program array; 0 if it has none any more.
fn program_at(runtime: &Runtime, map: &Map, slot: u32, tracing: &dyn Tracing) -> u32 {
    let core = tracing.host().core();
    let program = map.programs().and_then(|array| array.get(slot, core));
    let mut loaded = runtime.programs().iter();
    let loaded = loaded.find(|loaded| {
        program
            .as_ref()
            .is_some_and(|program| alloc::sync::Arc::ptr_eq(program, &loaded.program))
    });
    loaded.map_or(0, |loaded| loaded.id)
}

fn put(value: &mut [u8], number: u32) {
    let bytes = number.to_le_bytes();
    value
        .iter_mut()
        .zip(bytes)
        .for_each(|(out, byte)| *out = byte);
}

pub(in super::super) fn get(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let map = introduce(call)?;
    let word = call.word(1);
    let key = call.key(&map, word)?;
    let Ok(mut out) = buffer(key.len() + map.value_len()) else {
        return Err(call.trouble(word.arg, &Trouble::Memory));
    };
    let (start, value) = out.split_at_mut(key.len());
    start.copy_from_slice(&key);
    let done = match map.programs() {
        None => call.quietly(|core| map.read(&key, value, core)),
        Some(_) => {
            let tracing = call.tracing;
            let slot = key.first_chunk().map_or(0, |key| u32::from_le_bytes(*key));
            let number = call.with(|runtime| program_at(runtime, &map, slot, tracing))?;
            put(value, number);
            Some(if number == 0 {
                Err(Errno::NoEntry)
            } else {
                Ok(())
            })
        }
    };
    match done {
        Some(Err(Errno::NoEntry)) => Err(call.none(word, What::Entry)),
        Some(Err(error)) => Err(call.trouble(word.arg, &Trouble::Map(error as i32))),
        _ => {
            let (start, rest) = first(&out);
            answer(call.cx, &Answer::Entries(start))?;
            more(call.cx, rest)
        }
    }
}
