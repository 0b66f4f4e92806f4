//! Which maps there can be, and making them.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::hash::Keys;
use super::programs::Programs;
use super::ring::Ring;
use super::rules::{self, RING_MIN};
use super::stacks::Stacks;
use super::values::Values;
use super::{Body, Map};
use crate::bundle::{MapDef, MapKind, map_flags};
use crate::lock::Lock;

/// Why a map cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MapError {
    /// Keys of this type of map have another length.
    KeySize,
    /// Values of this type of map have another length.
    ValueSize,
    /// This type of map has another number of entries: at least one, or a power of two of at least 8 bytes.
    Entries,
    /// The map has flags that are not offered.
    Flags,
    /// There are more values at first than entries, or the type has none.
    Initial,
    /// It is larger than any map can be.
    Size,
    /// It takes more memory than maps may have.
    Limit,
    /// There is no memory for it.
    Memory,
}

/// How many values there are of which size.
pub struct Sizes {
    /// Bytes of a value.
    pub value: u32,
    /// Values of each core.
    pub count: u32,
    /// Cores that have values of their own.
    pub cores: u32,
}

/// What all of a map's parts take.
struct Plan {
    values: Sizes,
    bytes: u64,
}

/// The parts of a map, and how many bytes they take.
pub fn make(
    def: &MapDef,
    initial: usize,
    cores: u32,
    limit: u64,
) -> Result<(Values, Body, u64), MapError> {
    shape(def)?;
    let entries = def.max_entries;
    let plan = plan(def, cores.max(1)).ok_or(MapError::Size)?;
    if plan.bytes > u64::from(u32::MAX) {
        return Err(MapError::Size);
    }
    if plan.bytes > limit {
        return Err(MapError::Limit);
    }
    let each = match def.kind {
        MapKind::Array | MapKind::PerCpuArray | MapKind::ProgramArray => def.value_size,
        _ => 0,
    };
    if initial as u64 > u64::from(entries) * u64::from(each) {
        return Err(MapError::Initial);
    }
    let writable = def.flags & map_flags::READ_ONLY == 0;
    let values = Values::new(&plan.values, writable)?;
    let body = match def.kind {
        MapKind::Array | MapKind::PerCpuArray => Body::Array,
        MapKind::Hash | MapKind::PerCpuHash => {
            Body::Hash(Lock::new(Keys::new(def.key_size, entries, false)?))
        }
        MapKind::LruHash => Body::Hash(Lock::new(Keys::new(def.key_size, entries, true)?)),
        MapKind::RingBuffer => Body::Ring(Ring::new(entries)?),
        MapKind::StackTrace => Body::Stacks(Lock::new(Stacks::new(def.value_size, entries)?)),
        MapKind::ProgramArray => Body::Programs(Programs::new(entries)?),
    };
    Ok((values, body, plan.bytes))
}

/// The definition as a map keeps it: without its first values.
pub fn keep(def: &MapDef) -> Result<MapDef, MapError> {
    Ok(MapDef {
        name: text(&def.name)?,
        types: bytes(&def.types)?,
        initial: Vec::new(),
        ..*def
    })
}

/// A text of one's own.
pub fn text(from: &str) -> Result<String, MapError> {
    let mut own = String::new();
    own.try_reserve_exact(from.len())
        .map_err(|_| MapError::Memory)?;
    own.push_str(from);
    Ok(own)
}

/// Bytes of one's own.
pub fn bytes(from: &[u8]) -> Result<Vec<u8>, MapError> {
    let mut own = Vec::new();
    own.try_reserve_exact(from.len())
        .map_err(|_| MapError::Memory)?;
    own.extend_from_slice(from);
    Ok(own)
}

/// Checks sizes and flags.
fn shape(def: &MapDef) -> Result<(), MapError> {
    let rule = rules::rule(def.kind);
    let within = |(least, most), size| least <= size && size <= most;
    if !within(rule.key, def.key_size) {
        return Err(MapError::KeySize);
    }
    if !within(rule.value, def.value_size) || !def.value_size.is_multiple_of(rule.value_unit) {
        return Err(MapError::ValueSize);
    }
    let entries = def.max_entries;
    if entries == 0 || rule.power_of_two && (!entries.is_power_of_two() || entries < RING_MIN) {
        return Err(MapError::Entries);
    }
    if def.flags & !rule.flags != 0 {
        return Err(MapError::Flags);
    }
    Ok(())
}

/// How much memory it takes.
fn plan(def: &MapDef, cores: u32) -> Option<Plan> {
    let entries = def.max_entries;
    let (count, cores) = match def.kind {
        MapKind::Array | MapKind::Hash | MapKind::LruHash => (entries, 1),
        MapKind::PerCpuArray | MapKind::PerCpuHash => (entries, cores),
        MapKind::RingBuffer | MapKind::StackTrace | MapKind::ProgramArray => (0, 1),
    };
    let values = Sizes {
        value: def.value_size.max(1),
        count,
        cores,
    };
    let more = match def.kind {
        MapKind::Array | MapKind::PerCpuArray => 0,
        MapKind::Hash | MapKind::LruHash | MapKind::PerCpuHash => {
            Keys::bytes(def.key_size, entries)?
        }
        MapKind::RingBuffer => u64::from(entries),
        MapKind::StackTrace => Stacks::bytes(def.value_size, entries)?,
        MapKind::ProgramArray => Programs::bytes(entries)?,
    };
    let kept = def
        .name
        .len()
        .checked_add(def.types.len())?
        .checked_add(size_of::<Map>())?;
    let bytes = Values::bytes(&values)?
        .checked_add(more)?
        .checked_add(kept as u64)?;
    Some(Plan { values, bytes })
}
