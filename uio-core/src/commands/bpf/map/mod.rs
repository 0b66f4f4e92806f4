//! `bpf map list|show|dump|get|set|delete`: maps of programs.

mod dump;
mod key;
mod list;
mod set;

pub(super) use dump::{dump, get};
pub(super) use list::{list, show};
pub(super) use set::{delete, set};

use alloc::sync::Arc;

use uio_bpf::map::Map;
use uio_bpf::wire::{self, Answer, What};

use super::answer::{answer, first, more};
use super::call::{Call, loaded_map};
use crate::command::Stop;

/// What is told of a map, but for its types.
fn told(id: u32, map: &Map) -> wire::Map<'_> {
    let def = map.def();
    wire::Map {
        id,
        name: &def.name,
        kind: def.kind,
        key_size: def.key_size,
        value_size: def.value_size,
        max_entries: def.max_entries,
        flags: def.flags,
        memory: map.bytes(),
        values: map.cores(),
        types: &[],
    }
}

/// Tells of the map that the first operand names, its types too.
#[inline(never)]
pub(super) fn introduce(call: &mut Call<'_, '_>) -> Result<Arc<Map>, Stop> {
    let word = call.word(0);
    let found = call.with(|runtime| {
        let loaded = loaded_map(runtime, word.bytes)?;
        Some((loaded.id, Arc::clone(&loaded.map)))
    })?;
    let Some((id, map)) = found else {
        return Err(call.none(word, What::Map));
    };
    let (types, rest) = first(&map.def().types);
    let told = wire::Map {
        types,
        ..told(id, &map)
    };
    answer(call.cx, &Answer::Map(told))?;
    more(call.cx, rest)?;
    Ok(map)
}
