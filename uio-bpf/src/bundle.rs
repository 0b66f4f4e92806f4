//! What is loaded in one go: programs, the maps and variables that they name.
//!
//! A host makes a bundle of an ELF object, so that the guest needs no ELF and no BTF. It is one
//! postcard record; programs refer to maps and variables by their index.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::kind::Kind;

/// The version of this form; others are refused.
pub const VERSION: u16 = 1;

/// What comes before the name of a variable that may be missing (`extern … __weak`).
pub const WEAK: char = '?';

/// What an object holds, linked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// [`VERSION`].
    pub version: u16,
    /// The object's `license` section; empty without one.
    pub license: String,
    /// Maps, in the order in which programs count them.
    pub maps: Vec<MapDef>,
    /// Names of the platform's variables and functions whose addresses programs load. A name that begins with
    /// [`WEAK`] may be missing: its address is 0 then.
    pub variables: Vec<String>,
    /// Programs.
    pub programs: Vec<ProgramDef>,
}

/// A program: its own instructions, then those of the functions that it calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramDef {
    /// The name of its function.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// What its section says it is attached to (`fentry/NAME`): empty when it does not say.
    pub target: String,
    /// Its instructions, 8 bytes each, little-endian.
    pub code: Vec<u8>,
}

/// A map as a program defines it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapDef {
    /// Its name: programs that name the same map share it.
    pub name: String,
    /// Its type.
    pub kind: MapKind,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// Most entries; bytes of a ring buffer.
    pub max_entries: u32,
    /// Bits of [`map_flags`].
    pub flags: u32,
    /// What it holds at first (`.rodata`, `.data`): the values from the first on; zero behind it. Of a program array:
    /// four bytes a slot, little-endian, 0 for an empty one, else 1 + the number of one of [`Bundle::programs`].
    pub initial: Vec<u8>,
    /// What keys and values are made of, for the host's output; the guest keeps it unread.
    pub types: Vec<u8>,
}

/// Bits of [`MapDef::flags`].
pub mod map_flags {
    /// Programs only read it (`.rodata`): `BPF_F_RDONLY_PROG`.
    pub const READ_ONLY: u32 = 1 << 7;
    /// Memory of entries need not be there at once: `BPF_F_NO_PREALLOC`. It always is.
    pub const NO_PREALLOC: u32 = 1;
    /// The host may map it: `BPF_F_MMAPABLE`, which says nothing here.
    pub const MMAPABLE: u32 = 1 << 10;
    /// It belongs to this bundle alone and is never shared by its name: `.rodata`, `.data`, `.bss`.
    pub const PRIVATE: u32 = 1 << 31;
    /// All that there are.
    pub const KNOWN: u32 = NO_PREALLOC | READ_ONLY | MMAPABLE | PRIVATE;
}

/// Types of maps, with the numbers that Linux has for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub enum MapKind {
    /// Entries by key.
    Hash = 1,
    /// Entries by number; all of them always exist.
    Array = 2,
    /// Programs by number, for tail calls.
    ProgramArray = 3,
    /// As `Hash`, each core with values of its own.
    PerCpuHash = 5,
    /// As `Array`, each core with values of its own.
    PerCpuArray = 6,
    /// Stacks by the number that `get_stackid` gives them.
    StackTrace = 7,
    /// As `Hash`; the entry not used for longest makes room for a new one.
    LruHash = 9,
    /// Records in the order in which they were written, for the host to read.
    RingBuffer = 27,
}
