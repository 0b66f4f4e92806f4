//! What each type of map may be: what definitions are checked against, and what the host is told.

use super::stacks::DEPTH;
use crate::bundle::{MapKind, map_flags};
use crate::isa::FRAME_LEN;
use crate::spec::MapRule;

/// Longest key: what a program's stack can hold.
const KEY: u32 = FRAME_LEN as u32;

/// Flags of maps without values.
const PLAIN: u32 = map_flags::PRIVATE;

const HASH: MapRule<'static> = MapRule {
    kind: MapKind::Hash,
    name: "hash",
    key: (1, KEY),
    value: (1, u32::MAX),
    value_unit: 1,
    power_of_two: false,
    per_core: false,
    flags: map_flags::KNOWN,
};

const ARRAY: MapRule<'static> = MapRule {
    kind: MapKind::Array,
    name: "array",
    key: (4, 4),
    ..HASH
};

/// All types, by number.
pub static RULES: [MapRule<'static>; 8] = [
    HASH,
    ARRAY,
    MapRule {
        kind: MapKind::ProgramArray,
        name: "prog_array",
        value: (4, 4),
        flags: PLAIN,
        ..ARRAY
    },
    MapRule {
        kind: MapKind::PerCpuHash,
        name: "percpu_hash",
        per_core: true,
        ..HASH
    },
    MapRule {
        kind: MapKind::PerCpuArray,
        name: "percpu_array",
        per_core: true,
        ..ARRAY
    },
    MapRule {
        kind: MapKind::StackTrace,
        name: "stack_trace",
        value: (8, DEPTH as u32 * 8),
        value_unit: 8,
        flags: PLAIN,
        ..ARRAY
    },
    MapRule {
        kind: MapKind::LruHash,
        name: "lru_hash",
        ..HASH
    },
    MapRule {
        kind: MapKind::RingBuffer,
        name: "ringbuf",
        key: (0, 0),
        value: (0, 0),
        power_of_two: true,
        flags: PLAIN,
        ..HASH
    },
];

/// Fewest entries of a ring buffer: a header.
pub const RING_MIN: u32 = 8;

/// The rule for a type.
pub fn rule(kind: MapKind) -> &'static MapRule<'static> {
    let index = match kind {
        MapKind::Hash => 0,
        MapKind::Array => 1,
        MapKind::ProgramArray => 2,
        MapKind::PerCpuHash => 3,
        MapKind::PerCpuArray => 4,
        MapKind::StackTrace => 5,
        MapKind::LruHash => 6,
        MapKind::RingBuffer => 7,
    };
    &RULES[index]
}
