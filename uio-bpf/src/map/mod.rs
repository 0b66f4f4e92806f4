//! Maps: memory that programs share with each other and with the host.
//!
//! All memory of a map is there from its creation on, at addresses that stay as long as the map does.
//! Programs have addresses of values and use them without a lock, so
//!
//! - values are 8-byte aligned, and an access of an aligned word sees all of it or nothing;
//! - the value of an entry that is deleted, or makes room, may come to belong to another key while a
//!   program still has its address. What the program then reads or writes is a value of this map all
//!   the same; values of deleted entries are used again as late as possible.
//!
//! Operations that change which entries there are take a lock for a few instructions; none allocates.
//! Operations get the number of the calling core, see [`crate::lock`].

mod access;
mod block;
mod definition;
mod hash;
mod programs;
mod ring;
mod rules;
mod stacks;
mod values;

use core::ptr::NonNull;

pub use definition::MapError;
pub use programs::Programs;
pub use ring::{Record, Ring};
pub use rules::RULES;
pub use stacks::{DEPTH, Stacks, flags as stack_flags};

use definition::Sizes;
use hash::Keys;
use values::Values;

use crate::bundle::{MapDef, MapKind};
use crate::errno::Errno;
use crate::lock::Lock;
use crate::run::Memory;

/// What an update may do: `BPF_ANY`, `BPF_NOEXIST`, `BPF_EXIST`.
pub mod update_flags {
    /// Make an entry, or change it.
    pub const ANY: u64 = 0;
    /// Make an entry.
    pub const NO_EXIST: u64 = 1;
    /// Change an entry.
    pub const EXIST: u64 = 2;
}

/// A map.
pub struct Map {
    values: Values,
    body: Body,
    def: MapDef,
    bytes: u64,
}

/// What a map is beside its values.
enum Body {
    /// Keys are the numbers of values.
    Array,
    /// Keys lead to numbers of values.
    Hash(Lock<Keys>),
    Ring(Ring),
    Stacks(Lock<Stacks>),
    Programs(Programs),
}

/// Where the values of an array are, for compiled code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArrayLayout {
    /// Address of the first value.
    pub base: u64,
    /// Bytes from one value to the next.
    pub stride: u32,
    /// How many there are.
    pub entries: u32,
    /// Bytes from a core's values to the next core's; 0 where all cores have the same.
    pub core_stride: u32,
}

impl Map {
    /// Makes a map for so many cores.
    ///
    /// # Errors
    /// When the definition is wrong, or the map would take more than `limit` bytes, or there is no memory.
    pub fn new(def: &MapDef, cores: u32, limit: u64) -> Result<Self, MapError> {
        Self::with(definition::keep(def)?, &def.initial, cores, limit)
    }

    /// As [`Self::new`], with what it holds at first apart from its definition, which it keeps.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with(def: MapDef, initial: &[u8], cores: u32, limit: u64) -> Result<Self, MapError> {
        let (values, body, bytes) = definition::make(&def, initial.len(), cores, limit)?;
        let map = Self {
            values,
            body,
            def,
            bytes,
        };
        if map.has_values() {
            map.start(initial);
        }
        Ok(map)
    }

    /// Its definition, but for what it held at first.
    pub fn def(&self) -> &MapDef {
        &self.def
    }

    /// Its type.
    #[inline]
    pub fn kind(&self) -> MapKind {
        self.def.kind
    }

    /// Bytes of a key.
    #[inline]
    pub fn key_size(&self) -> u32 {
        self.def.key_size
    }

    /// Bytes of a value.
    #[inline]
    pub fn value_size(&self) -> u32 {
        self.def.value_size
    }

    /// Bytes of memory that it takes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The value of a key on that core, for a program. Where entries make room for others, this one is used now.
    #[inline]
    pub fn lookup(&self, key: &[u8], core: u32) -> Option<NonNull<u8>> {
        let index = match &self.body {
            Body::Array => access::index(key)?,
            Body::Hash(keys) => {
                let key = key.get(..self.def.key_size as usize)?;
                keys.with(core, |keys| keys.find(key, true))??
            }
            _ => return None,
        };
        self.values.get(index, core)
    }

    /// The value of the entry of that number, see [`Self::key_at`]: not counted as used.
    pub fn value_of(&self, position: u32, core: u32) -> Option<NonNull<u8>> {
        self.values.get(position, core)
    }

    /// As [`Self::lookup`], of another core's value.
    pub fn lookup_of(&self, key: &[u8], of: u32, core: u32) -> Option<NonNull<u8>> {
        if of >= self.values.cores() {
            return None;
        }
        let own = self.lookup(key, core)?.as_ptr().addr() as u64;
        let own_core = if self.values.cores() > 1 { core } else { 0 };
        let first = own - u64::from(own_core) * u64::from(self.values.area());
        let address = first + u64::from(of) * u64::from(self.values.area());
        NonNull::new(core::ptr::with_exposed_provenance_mut(address as usize))
    }

    /// The one value that all of the range lies in.
    #[inline]
    pub fn value_at(&self, address: u64, len: u64) -> Option<Memory> {
        self.values.at(address, len)
    }

    /// The first value, where it always exists and is the same for all cores.
    pub fn first_value(&self) -> Option<Memory> {
        if self.def.kind != MapKind::Array {
            return None;
        }
        self.values.at(self.values.base(), 1)
    }

    /// Where its values are, if it is an array.
    pub fn array_layout(&self) -> Option<ArrayLayout> {
        if !matches!(self.body, Body::Array) {
            return None;
        }
        Some(ArrayLayout {
            base: self.values.base(),
            stride: self.values.stride(),
            entries: self.values.count(),
            core_stride: self.values.area(),
        })
    }

    /// How many cores have values of their own; 1 where all have the same.
    pub fn cores(&self) -> u32 {
        self.values.cores()
    }

    /// What it is if it is a ring buffer.
    pub fn ring(&self) -> Option<&Ring> {
        match &self.body {
            Body::Ring(ring) => Some(ring),
            _ => None,
        }
    }

    /// What it is if it holds programs.
    pub fn programs(&self) -> Option<&Programs> {
        match &self.body {
            Body::Programs(programs) => Some(programs),
            _ => None,
        }
    }

    /// The number of a stack, if it holds stacks.
    ///
    /// # Errors
    /// [`Errno::Exists`] when another stack has that number, [`Errno::Invalid`] for other maps.
    pub fn stack_number(&self, stack: &[u64], flags: u64, core: u32) -> Result<u32, Errno> {
        match &self.body {
            Body::Stacks(stacks) => {
                let number = stacks.with(core, |stacks| stacks.number(stack, flags));
                number.ok_or(Errno::Busy)?
            }
            _ => Err(Errno::Invalid),
        }
    }

    /// Puts what it holds at first into its values.
    fn start(&self, initial: &[u8]) {
        for (index, value) in initial
            .chunks(self.def.value_size.max(1) as usize)
            .enumerate()
        {
            for core in 0..self.values.cores() {
                self.values.write(index as u32, core, value);
            }
        }
    }
}
