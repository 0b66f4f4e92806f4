//! Finds instructions that could undo isolation, in code that is about to be executed.
//!
//! Two searches, and why there are two is told in `docs/decisions/0014-code-scanner.md`:
//!
//! - [`anywhere`] looks at every byte for what gives rights at once: WRPKRU, XRSTOR, WRMSR, MOV to
//!   control registers and their like. It finds them across the borders of other instructions, and
//!   in constants.
//! - [`in_order`] decodes one instruction after the other for those whose bytes other instructions
//!   have all the time: CLI, OUT, IRET and their like. In the middle of other instructions it finds
//!   none; there the processor has to refuse them.

#![forbid(unsafe_code)]

mod class;
pub mod length;
mod sequence;
mod stream;
mod table;

pub use class::{Class, Classes};
pub use sequence::anywhere;
pub use stream::in_order;

/// Bytes behind the code that have to be shown with it if they can be executed too.
pub const BEHIND: usize = length::MAX - 1;

/// An instruction that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Offset of its first byte.
    pub offset: usize,
    /// Bytes of it that are there.
    pub len: u8,
    /// Its class.
    pub class: Class,
    /// How many bytes before it the instruction begins that has it inside; 0 if it is one of those
    /// that the compiler wrote.
    pub within: u8,
}

/// The first instruction in `code` that could undo isolation and is not of a granted class.
#[must_use]
pub fn scan(code: &[u8], granted: Classes) -> Option<Found> {
    let one = anywhere(code, granted);
    // Nothing behind what was found is of interest.
    let end = one.map_or(code.len(), |found| found.offset);
    let before = in_order(code, granted).filter(|found| found.offset < end);
    let mut found = before.or(one)?;
    let start = stream::start_of(code, found.offset);
    found.within = (found.offset - start) as u8;
    Some(found)
}

/// The bytes from `at` on, and zeroes behind the last.
#[inline(never)]
fn window(code: &[u8], at: usize) -> [u8; length::WINDOW] {
    let mut window = [0; length::WINDOW];
    for (to, from) in window.iter_mut().zip(code.get(at..).unwrap_or_default()) {
        *to = *from;
    }
    window
}
