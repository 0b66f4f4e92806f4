//! `bpf map set MAP KEY VALUE`: makes or changes an entry; of a program array, VALUE is a program. `bpf map delete MAP KEY`: takes
//! one away. What programs decide by is the application's behaviour: changing such a map takes the policy `control`.

use alloc::sync::Arc;

use uio_bpf::errno::Errno;
use uio_bpf::kind::Kind;
use uio_bpf::map::{Map, update_flags};
use uio_bpf::wire::{Trouble, What};
use uio_console::Policy;

use super::super::call::{Call, Operation, loaded_map};
use super::super::line::Word;
use crate::command::Stop;

pub(in super::super) fn set(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let map = changeable(call)?;
    let (key, value) = (call.word(1), call.word(2));
    let bytes = call.key(&map, key)?;
    let done = if let Some(array) = map.programs() {
        let program = call.program(value)?.program;
        let slot = bytes
            .first_chunk()
            .map_or(u32::MAX, |slot| u32::from_le_bytes(*slot));
        // Who was there before is freed here, with interrupts on.
        let before = array.set(slot, Some(program), call.tracing.host().core());
        before.map(drop)
    } else {
        let value = call.value(&map, value)?;
        call.quietly(&mut |core| map.store(&bytes, &value, update_flags::ANY, core))
    };
    done_with(call, key, done)
}

pub(in super::super) fn delete(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let map = changeable(call)?;
    let key = call.word(1);
    let bytes = call.key(&map, key)?;
    let done = if map.programs().is_some() {
        map.delete(&bytes, call.tracing.host().core())
    } else {
        call.quietly(&mut |core| map.delete(&bytes, core))
    };
    done_with(call, key, done)
}

/// The map that the first operand names, if the session may change it.
fn changeable(call: &mut Call<'_, '_>) -> Result<Arc<Map>, Stop> {
    let word = call.word(0);
    let found = call.with(|runtime| {
        let map = &loaded_map(runtime, word.bytes)?.map;
        let deciding = runtime.programs().iter().any(|loaded| {
            let program = &loaded.program;
            program.kind == Kind::Probe && program.maps.iter().any(|used| Arc::ptr_eq(used, map))
        });
        Some((Arc::clone(map), deciding))
    })?;
    let Some((map, deciding)) = found else {
        return Err(call.none(word, What::Map));
    };
    if deciding {
        call.need(word.arg, Policy::Control)?;
    }
    Ok(map)
}

/// Says what went wrong, if anything did.
#[inline(never)]
pub(super) fn done_with(
    call: &mut Call<'_, '_>,
    key: Word<'_>,
    done: Operation,
) -> Result<(), Stop> {
    match done {
        Ok(()) => Ok(()),
        Err(Errno::NoEntry) => Err(call.none(key, What::Entry)),
        Err(error) => Err(call.trouble(key.arg, &Trouble::Map(error as i32))),
    }
}
