//! What every definition of a map must keep.

use uio_bpf::bundle::{MapKind, map_flags};

use crate::error::Why;

/// Types of maps that exist here, for messages.
const KNOWN: &str = "there are hash, array, prog_array, percpu_hash, percpu_array, stack_trace, lru_hash and ringbuf";

/// `BPF_F_NO_PREALLOC`: all maps have their memory from the beginning, so it changes nothing.
const NO_PREALLOC: u32 = 1;

/// Linux's names of the types of maps, from 0 on.
const NAMES: [&str; 34] = [
    "unspec",
    "hash",
    "array",
    "prog_array",
    "perf_event_array",
    "percpu_hash",
    "percpu_array",
    "stack_trace",
    "cgroup_array",
    "lru_hash",
    "lru_percpu_hash",
    "lpm_trie",
    "array_of_maps",
    "hash_of_maps",
    "devmap",
    "sockmap",
    "cpumap",
    "xskmap",
    "sockhash",
    "cgroup_storage",
    "reuseport_sockarray",
    "percpu_cgroup_storage",
    "queue",
    "stack",
    "sk_storage",
    "devmap_hash",
    "struct_ops",
    "ringbuf",
    "inode_storage",
    "task_storage",
    "bloom_filter",
    "user_ringbuf",
    "cgrp_storage",
    "arena",
];

/// The type of that number.
pub(super) fn kind(number: u32) -> Result<MapKind, Why> {
    Ok(match number {
        1 => MapKind::Hash,
        2 => MapKind::Array,
        3 => MapKind::ProgramArray,
        5 => MapKind::PerCpuHash,
        6 => MapKind::PerCpuArray,
        7 => MapKind::StackTrace,
        9 => MapKind::LruHash,
        27 => MapKind::RingBuffer,
        12 | 13 => return Err(Why::MapInMap),
        _ => {
            let name = NAMES.get(number as usize).copied().unwrap_or("unknown");
            let hint = match number {
                4 => "use a ring buffer (BPF_MAP_TYPE_RINGBUF)",
                10 => "use lru_hash or percpu_hash",
                _ => KNOWN,
            };
            return Err(Why::MapKind { number, name, hint });
        }
    })
}

/// The name of a type of map.
#[must_use]
pub fn name(kind: MapKind) -> &'static str {
    NAMES.get(kind as usize).copied().unwrap_or("unknown")
}

/// The flags that are kept.
pub(super) fn flags(flags: u32) -> Result<u32, Why> {
    let unknown = flags & !(NO_PREALLOC | map_flags::READ_ONLY);
    match unknown {
        0 => Ok(flags & map_flags::READ_ONLY),
        unknown => Err(Why::MapFlags(unknown)),
    }
}

/// Whether the sizes are right for the type.
pub(super) fn sizes(kind: MapKind, key: u32, value: u32, entries: u32) -> Result<(), Why> {
    if entries == 0 {
        return Err(Why::MapValue("max_entries", 0, "at least 1"));
    }
    let by_number = matches!(
        kind,
        MapKind::Array | MapKind::PerCpuArray | MapKind::ProgramArray | MapKind::StackTrace
    );
    if by_number && key != 4 {
        return Err(Why::MapValue("key_size", key.into(), "4: keys are numbers"));
    }
    match kind {
        MapKind::RingBuffer => {
            if key != 0 || value != 0 {
                let wrong = u64::from(key.max(value));
                return Err(Why::MapValue(
                    "key_size or value_size",
                    wrong,
                    "0 in a ring buffer",
                ));
            }
            if !entries.is_power_of_two() {
                let entries = entries.into();
                return Err(Why::MapValue(
                    "max_entries",
                    entries,
                    "a power of two: bytes of the ring",
                ));
            }
            Ok(())
        }
        MapKind::ProgramArray if value != 4 => Err(Why::MapValue(
            "value_size",
            value.into(),
            "4 in a program array",
        )),
        _ if value == 0 => Err(Why::MapValue("value_size", 0, "at least 1")),
        _ if key == 0 => Err(Why::MapValue("key_size", 0, "at least 1")),
        _ => Ok(()),
    }
}
