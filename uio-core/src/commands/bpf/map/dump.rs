//! `bpf map dump MAP`: all entries of a map. `bpf map get MAP KEY`: one of them.

use alloc::sync::Arc;
use alloc::vec::Vec;

use uio_bpf::errno::Errno;
use uio_bpf::map::Map;
use uio_bpf::wire::{Answer, Trouble};

use super::super::answer::{answer, first, more};
use super::super::call::{Call, Operation};
use super::introduce;
use super::set::done_with;
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
    let there = call.quietly(&mut |core| match map.key_at(position, key, core)? {
        false => Err(Errno::NoEntry),
        true if map.programs().is_some() => Ok(()),
        true => map.read(key, value, core),
    });
    if there.is_ok() && map.programs().is_some() {
        return Ok(program_at(call, map, position, value)?.is_ok());
    }
    Ok(there.is_ok())
}

/// Writes the number of the program in a slot of a program array, 0 if there is none any more.
#[inline(never)]
fn program_at(
    call: &mut Call<'_, '_>,
    map: &Map,
    slot: u32,
    out: &mut [u8],
) -> Result<Operation, Stop> {
    let core = call.tracing.host().core();
    let Some(program) = map.programs().and_then(|array| array.get(slot, core)) else {
        return Ok(Err(Errno::NoEntry));
    };
    let number = call.with(|runtime| {
        let mut loaded = runtime.programs().iter();
        let loaded = loaded.find(|loaded| Arc::ptr_eq(&program, &loaded.program));
        loaded.map_or(0, |loaded| loaded.id)
    })?;
    let bytes = number.to_le_bytes();
    out.iter_mut()
        .zip(bytes)
        .for_each(|(out, byte)| *out = byte);
    Ok(Ok(()))
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
        None => call.quietly(&mut |core| map.read(&key, value, core)),
        Some(_) => {
            let slot = key.first_chunk().map_or(0, |key| u32::from_le_bytes(*key));
            program_at(call, &map, slot, value)?
        }
    };
    done_with(call, word, done)?;
    let (start, rest) = first(&out);
    answer(call.cx, &Answer::Entries(start))?;
    more(call.cx, rest)
}
