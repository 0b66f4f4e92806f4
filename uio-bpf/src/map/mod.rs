//! Maps: memory that programs share with each other and with the host.

use crate::bundle::{MapDef, MapKind};
use crate::run::Memory;

/// A map.
pub struct Map {
    def: MapDef,
}

impl Map {
    /// Its type.
    pub fn kind(&self) -> MapKind {
        self.def.kind
    }
    /// Bytes of a key.
    pub fn key_size(&self) -> u32 {
        self.def.key_size
    }
    /// Bytes of a value.
    pub fn value_size(&self) -> u32 {
        self.def.value_size
    }
    /// The one value that the whole range lies in.
    pub fn value_at(&self, _address: u64, _len: u64) -> Option<Memory> {
        None
    }
    /// The first value.
    pub fn first_value(&self) -> Option<Memory> {
        None
    }
}
