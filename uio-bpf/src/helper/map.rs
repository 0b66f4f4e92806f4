//! Helpers for maps.

use super::memory::{Arguments, Result, entry};
use super::{Argument, Helper, Prototype, Returned, kinds};
use crate::bundle::MapKind;
use crate::errno::Errno;
use crate::interpreter::free;
use crate::isa::FRAME_LEN;
use crate::map::update_flags;
use crate::run::Memory;

/// Maps with keys and values.
const KEYED: u32 = 1 << MapKind::Hash as u32
    | 1 << MapKind::Array as u32
    | 1 << MapKind::PerCpuHash as u32
    | 1 << MapKind::PerCpuArray as u32
    | 1 << MapKind::LruHash as u32;

/// Maps with values for each core.
const PER_CPU: u32 = 1 << MapKind::PerCpuHash as u32 | 1 << MapKind::PerCpuArray as u32;

pub const LOOKUP_ELEM: Helper<'static> = Helper {
    id: 1,
    name: "map_lookup_elem",
    prototype: Prototype::new(
        &[Argument::Map(KEYED), Argument::Key],
        Returned::ValueOrNull,
    ),
    doc: "The value of a key, or null.",
    kinds: kinds::ALL,
    call: entry!(lookup),
};

pub const UPDATE_ELEM: Helper<'static> = Helper {
    id: 2,
    name: "map_update_elem",
    prototype: Prototype::new(
        &[
            Argument::Map(KEYED),
            Argument::Key,
            Argument::Value,
            Argument::Anything,
        ],
        Returned::Number,
    ),
    doc: "Gives a key a value; flags: 0 any, 1 only a new key, 2 only a key that is there.",
    kinds: kinds::ALL,
    call: entry!(update),
};

pub const DELETE_ELEM: Helper<'static> = Helper {
    id: 3,
    name: "map_delete_elem",
    prototype: Prototype::new(&[Argument::Map(KEYED), Argument::Key], Returned::Number),
    doc: "Takes a key away.",
    kinds: kinds::ALL,
    call: entry!(delete),
};

pub const FOR_EACH_ELEM: Helper<'static> = Helper {
    id: 164,
    name: "for_each_map_elem",
    prototype: Prototype::new(
        &[
            Argument::Map(KEYED),
            Argument::Function,
            Argument::Opaque,
            Argument::Anything,
        ],
        Returned::Number,
    ),
    doc: "Calls a function with map, key, value and its context for each entry, until it returns 1; how often.",
    kinds: kinds::ALL,
    call: entry!(for_each),
};

pub const LOOKUP_PERCPU_ELEM: Helper<'static> = Helper {
    id: 195,
    name: "map_lookup_percpu_elem",
    prototype: Prototype::new(
        &[Argument::Map(PER_CPU), Argument::Key, Argument::Anything],
        Returned::ValueOrNull,
    ),
    doc: "The value that another core has for a key, or null.",
    kinds: kinds::ALL,
    call: entry!(lookup_of),
};

fn lookup(a: Arguments<'_, '_>) -> Result {
    let map = a.map::<1>();
    let key = a.read::<2>(map.key_size().into());
    let value = map.lookup(key, a.run.host.core());
    Ok(value.map_or(0, |value| value.as_ptr().addr() as u64))
}

fn lookup_of(a: Arguments<'_, '_>) -> Result {
    let map = a.map::<1>();
    let key = a.read::<2>(map.key_size().into());
    let of = u32::try_from(a.number::<3>()).ok();
    let value = of.and_then(|of| map.lookup_of(key, of, a.run.host.core()));
    Ok(value.map_or(0, |value| value.as_ptr().addr() as u64))
}

fn update(a: Arguments<'_, '_>) -> Result {
    let map = a.map::<1>();
    if !map.is_writable() {
        return Err(Errno::NotPermitted);
    }
    let key = a.read::<2>(map.key_size().into());
    let value = a.read::<3>(map.value_size().into());
    map.update(key, value, a.number::<4>(), a.run.host.core())?;
    Ok(0)
}

fn delete(a: Arguments<'_, '_>) -> Result {
    let map = a.map::<1>();
    if !map.is_writable() {
        return Err(Errno::NotPermitted);
    }
    let key = a.read::<2>(map.key_size().into());
    map.delete(key, a.run.host.core())?;
    Ok(0)
}

fn for_each(mut a: Arguments<'_, '_>) -> Result {
    let map = a.map::<1>();
    if a.number::<4>() != update_flags::ANY {
        return Err(Errno::Invalid);
    }
    let core = a.run.host.core();
    let mut key = [0; FRAME_LEN];
    let key = key
        .get_mut(..map.key_size() as usize)
        .ok_or(Errno::Invalid)?;
    // The program may read the key as long as this goes on.
    let slot = free(a.run).ok_or(Errno::NoMemory)?;
    let grant = Memory {
        address: key.as_mut_ptr().expose_provenance() as u64,
        len: key.len() as u64,
        writable: false,
    };
    let mut visited = 0;
    for position in 0..map.positions() {
        if !map.key_at(position, key, core)? {
            continue;
        }
        let Some(value) = map.value_of(position, core) else {
            continue;
        };
        if let Some(place) = a.run.granted.get_mut(slot) {
            *place = Some(grant);
        }
        let value = value.as_ptr().addr() as u64;
        let returned = a.call::<2>([a.number::<1>(), grant.address, value, a.number::<3>(), 0]);
        visited += 1;
        if returned != Some(0) {
            break;
        }
    }
    if let Some(place) = a.run.granted.get_mut(slot) {
        *place = None;
    }
    Ok(visited)
}
