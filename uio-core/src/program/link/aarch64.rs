//! Relocations of AArch64 (ELF for the Arm 64-bit Architecture, 5.7.5): those of data. Those of
//! instructions are refused by name.

use object::elf;

use super::kind::{Base, Kind, Range};

/// `e_machine` of the objects that are loaded.
pub const MACHINE: u16 = elf::EM_AARCH64.0;

/// Bytes of a stub.
pub const STUB: usize = 8;

/// What stands between sections of code: UDF #0.
pub const PADDING: u8 = 0;

/// How a relocation of this type is applied; none if it is not.
pub fn kind(kind: u32) -> Option<Kind> {
    let (base, range, bytes) = match kind {
        0 | 256 => (Base::None, Range::Any, 0),
        257 => (Base::Absolute, Range::Any, 8),    // ABS64
        258 => (Base::Absolute, Range::Either, 4), // ABS32
        259 => (Base::Absolute, Range::Either, 2), // ABS16
        260 => (Base::Relative, Range::Any, 8),    // PREL64
        261 => (Base::Relative, Range::Signed, 4), // PREL32
        262 => (Base::Relative, Range::Signed, 2), // PREL16
        _ => return None,
    };
    Some(Kind { base, range, bytes })
}

/// No relocation that is applied here needs a stub.
pub fn stub(_distance: u64) -> Option<[u8; STUB]> {
    None
}

/// See [`stub`].
pub fn is_branch(_before: &[u8]) -> bool {
    false
}
