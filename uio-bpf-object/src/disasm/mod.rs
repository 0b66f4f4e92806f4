//! Instructions as text.
//!
//! The notation is that of LLVM (`r1 = *(u64 *)(r2 + 8)`, `if w1 s< 5 goto +3`), which programmers know from inline
//! assembly and llvm-objdump, with names for what is referred to. Written here: the disassembler of the crate `rbpf`
//! knows no 32-bit jumps of version 4, no sign-extending loads and moves, no atomics but addition, and panics on the
//! rest.

mod alu;
mod jump;
mod memory;

use uio_bpf::isa::{Insn, call, class, mode, size, wide};

/// The opcode of wide loads.
const LDDW: u8 = class::LD | size::DW | mode::IMM;

/// An instruction in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number; a wide one counts as two.
    pub at: u32,
    /// The instruction.
    pub insn: Insn,
    /// The second half of a wide one.
    pub second: Option<Insn>,
    /// Its text; `None` if it is no instruction of RFC 9669.
    pub text: Option<String>,
    /// Where it may go on: of a jump or a call of a function.
    pub target: Option<u32>,
}

impl Entry {
    /// Its text, or its bytes.
    #[must_use]
    pub fn words(&self) -> String {
        match &self.text {
            Some(text) => text.clone(),
            None => {
                let bytes: Vec<String> = self
                    .insn
                    .to_bytes()
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect();
                format!("(no instruction: {})", bytes.join(" "))
            }
        }
    }
}

impl Entry {
    /// As [`Self::words`], with the name of what it refers to in place of a number, and where a jump goes.
    #[must_use]
    pub fn named(&self, name: Option<&str>) -> String {
        let words = self.words();
        let insn = self.insn;
        let Some(name) = name else {
            return match self.target {
                Some(target) if self.text.is_some() => format!("{words} <{target}>"),
                _ => words,
            };
        };
        let dst = register(insn.dst(), true);
        match (insn.opcode, insn.src()) {
            (LDDW, wide::MAP | wide::MAP_INDEX) => format!("{dst} = map {name} ll"),
            (LDDW, wide::FUNCTION) => format!("{dst} = {name} ll <{}>", self.target.unwrap_or(0)),
            (LDDW, wide::MAP_VALUE | wide::MAP_INDEX_VALUE | wide::VARIABLE) => {
                format!("{dst} = &{name} ll")
            }
            (jump::CALL_LOCAL, call::LOCAL) => {
                format!("call {name} <{}>", self.target.unwrap_or(0))
            }
            _ => words,
        }
    }
}

/// Names of helpers by their numbers.
pub type Helpers<'a> = &'a dyn Fn(u32) -> Option<String>;

/// All instructions of a program; bytes that are no whole one at its end are left out.
#[must_use]
pub fn listing(code: &[u8], helpers: Helpers<'_>) -> Vec<Entry> {
    let mut insns = code.as_chunks().0.iter().map(Insn::from_bytes).peekable();
    let mut entries = Vec::new();
    let mut at = 0;
    while let Some(insn) = insns.next() {
        let wide = insn.opcode == LDDW;
        let second = if wide { insns.next() } else { None };
        entries.push(Entry {
            at,
            insn,
            second,
            text: text(insn, second, helpers),
            target: target(insn, at),
        });
        at += if wide { 2 } else { 1 };
    }
    entries
}

/// One instruction, with the second half of a wide one; `None` if RFC 9669 has none such.
#[must_use]
pub fn text(insn: Insn, second: Option<Insn>, helpers: Helpers<'_>) -> Option<String> {
    match insn.class() {
        class::ALU | class::ALU64 => alu::text(insn),
        class::JMP | class::JMP32 => jump::text(insn, helpers),
        class::LD => memory::wide(insn, second),
        class::LDX => memory::load(insn),
        _ => memory::store(insn),
    }
}

/// Where a jump or a call of a function goes, unless that is before the beginning.
fn target(insn: Insn, at: u32) -> Option<u32> {
    let distance = jump::distance(insn)?;
    u32::try_from(i64::from(at) + 1 + distance).ok()
}

/// A register in full, or its lower half.
fn register(number: u8, wide: bool) -> String {
    format!("{}{number}", if wide { 'r' } else { 'w' })
}

/// A number with its sign: `+ 4`, `- 8`.
fn offset(number: i16) -> String {
    let sign = if number < 0 { '-' } else { '+' };
    format!("{sign} {}", number.unsigned_abs())
}

#[cfg(test)]
mod tests;
