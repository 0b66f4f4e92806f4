//! What the relocations of all machines have in common.

/// How a relocation is applied.
#[derive(Clone, Copy)]
pub struct Kind {
    /// What is computed. In the words of the psABI: S is the symbol's address, A the addend, P the
    /// place, Z the symbol's size, GOT the table's address, G the symbol's slot in it (from its start).
    pub base: Base,
    /// Which values fit.
    pub range: Range,
    /// Bytes of the field.
    pub bytes: u8,
}

/// What a relocation computes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// Nothing.
    None,
    /// S + A.
    Absolute,
    /// S + A - P.
    Relative,
    /// S + A - P, through a stub if that does not fit.
    Call,
    /// G + A.
    Slot,
    /// G + GOT + A - P.
    SlotRelative,
    /// GOT + A - P.
    TableRelative,
    /// S + A - GOT.
    FromTable,
    /// As [`Base::FromTable`], of a function.
    CallFromTable,
    /// Z + A.
    Size,
}

/// Which values fit the field of a relocation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// All, modulo 2^64.
    Any,
    /// Those that sign extension gives back.
    Signed,
    /// Those that zero extension gives back.
    Unsigned,
    /// Both.
    Either,
}

impl Kind {
    /// Whether the value fits the field.
    pub fn fits(&self, value: u64) -> bool {
        let unused = 64 - 8 * u32::from(self.bytes.clamp(1, 8));
        let signed = ((value << unused) as i64 >> unused) as u64 == value;
        let unsigned = value << unused >> unused == value;
        match self.range {
            Range::Any => true,
            Range::Signed => signed,
            Range::Unsigned => unsigned,
            Range::Either => signed || unsigned,
        }
    }
}
