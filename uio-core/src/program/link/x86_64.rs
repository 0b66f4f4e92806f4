//! Relocations of x86-64 (psABI 1.0, 4.4.1).

use object::elf;

use super::kind::{Base, Kind, Range};

/// `e_machine` of the objects that are loaded.
pub const MACHINE: u16 = elf::EM_X86_64.0;

/// Bytes of a stub.
pub const STUB: usize = 8;

/// What stands between sections of code: INT3.
pub const PADDING: u8 = 0xcc;

/// `R_X86_64_GOTPCREL64`, `_GOTPLT64` and the others of the large model.
const R_X86_64_GOT64: u32 = 27;
const R_X86_64_GOTPCREL64: u32 = 28;
const R_X86_64_GOTPC64: u32 = 29;
const R_X86_64_GOTPLT64: u32 = 30;
const R_X86_64_PLTOFF64: u32 = 31;

/// How a relocation of this type is applied; none if it is not.
pub fn kind(kind: u32) -> Option<Kind> {
    let (base, range, bytes) = match kind {
        0 => (Base::None, Range::Any, 0),                      // NONE
        1 => (Base::Absolute, Range::Any, 8),                  // 64
        2 => (Base::Relative, Range::Signed, 4),               // PC32
        3 => (Base::Slot, Range::Signed, 4),                   // GOT32
        4 => (Base::Call, Range::Signed, 4),                   // PLT32
        9 | 41 | 42 => (Base::SlotRelative, Range::Signed, 4), // GOTPCREL, GOTPCRELX, REX_GOTPCRELX
        10 => (Base::Absolute, Range::Unsigned, 4),            // 32
        11 => (Base::Absolute, Range::Signed, 4),              // 32S
        12 => (Base::Absolute, Range::Either, 2),              // 16
        13 => (Base::Relative, Range::Signed, 2),              // PC16
        14 => (Base::Absolute, Range::Either, 1),              // 8
        15 => (Base::Relative, Range::Signed, 1),              // PC8
        24 => (Base::Relative, Range::Any, 8),                 // PC64
        25 => (Base::FromTable, Range::Any, 8),                // GOTOFF64
        26 => (Base::TableRelative, Range::Signed, 4),         // GOTPC32
        R_X86_64_GOT64 | R_X86_64_GOTPLT64 => (Base::Slot, Range::Any, 8),
        R_X86_64_GOTPCREL64 => (Base::SlotRelative, Range::Any, 8),
        R_X86_64_GOTPC64 => (Base::TableRelative, Range::Any, 8),
        R_X86_64_PLTOFF64 => (Base::CallFromTable, Range::Any, 8),
        32 => (Base::Size, Range::Unsigned, 4), // SIZE32
        33 => (Base::Size, Range::Any, 8),      // SIZE64
        _ => return None,
    };
    Some(Kind { base, range, bytes })
}

/// Code that jumps through the GOT slot that lies `distance` bytes behind the stub's first byte:
/// `jmp *slot(%rip)`. It needs no register.
pub fn stub(distance: u64) -> Option<[u8; STUB]> {
    let [a, b, c, d] = i32::try_from(distance.wrapping_sub(6) as i64)
        .ok()?
        .to_le_bytes();
    // Padded with `int3`.
    Some([0xff, 0x25, a, b, c, d, 0xcc, 0xcc])
}

/// Whether the field behind these bytes of code is the target of a call or jump: `call rel32`,
/// `jmp rel32`, `jcc rel32`. Only those may be led through a stub.
pub fn is_branch(before: &[u8]) -> bool {
    matches!(before, [.., 0xe8 | 0xe9] | [.., 0x0f, 0x80..=0x8f])
}
