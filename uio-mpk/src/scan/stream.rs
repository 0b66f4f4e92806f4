//! Instructions that are looked for where instructions begin: those whose opcodes constants,
//! displacements and neighbours often happen to have.

use super::class::Classes;
use super::length::{Step, WINDOW, decode};
use super::table::{BYTES, FORM, MODRM, ONE, OTHER, SIB};
use super::{Found, window};

/// The first refused instruction that only counts where an instruction begins, which is where the
/// one before ends, from the first byte of `code` on. What is no instruction counts as one byte.
#[must_use]
pub fn in_order(code: &[u8], granted: Classes) -> Option<Found> {
    let (at, found) = walk(code, granted);
    if found.is_some() {
        return found;
    }
    // The last instructions, as if zeroes came behind them.
    let rest = code.get(at..).unwrap_or_default();
    let mut last = [0; 2 * WINDOW];
    let (start, _) = last.split_at_mut_checked(rest.len())?;
    start.copy_from_slice(rest);
    let (_, found) = walk(last.get(..rest.len() + WINDOW - 1)?, granted);
    found.map(|found| Found {
        offset: at + found.offset,
        len: found.len.min((rest.len() - found.offset) as u8),
        ..found
    })
}

/// Goes through the instructions that begin at least [`WINDOW`] bytes before the end. Gives where
/// the next one begins.
fn walk(code: &[u8], granted: Classes) -> (usize, Option<Found>) {
    let mut rest = code;
    while let Some(window) = rest.first_chunk::<WINDOW>() {
        let len = match simple(window) {
            Some(len) => len,
            None => {
                let Step { len, class } = decode(window);
                if let Some(class) = class
                    && !granted.contains(class)
                {
                    let offset = code.len() - rest.len();
                    let found = Found {
                        offset,
                        len,
                        class,
                        within: 0,
                    };
                    return (offset, Some(found));
                }
                usize::from(len.max(1))
            }
        };
        rest = rest.get(len..).unwrap_or_default();
    }
    (code.len() - rest.len(), None)
}

/// The length of an instruction as most are: no prefix but REX, an opcode of one byte.
#[inline(always)]
fn simple(code: &[u8; WINDOW]) -> Option<usize> {
    let &[first, second, third, fourth, ..] = code;
    let rex = first & 0xf0 == 0x40;
    let (op, modrm, sib) = if rex {
        (second, third, fourth)
    } else {
        (first, second, third)
    };
    let entry = ONE[usize::from(op)];
    let len = usize::from(entry & BYTES) + usize::from(rex);
    if entry & MODRM == 0 {
        return Some(len);
    }
    // With OTHER, MODRM is set too: one branch for both.
    let form = FORM[usize::from(modrm)];
    if entry & OTHER != 0 {
        return None;
    }
    if form & SIB != 0 {
        let more = if sib & 7 == 5 { 4 } else { 0 };
        return Some(len + 2 + more);
    }
    Some(len + usize::from(form))
}

/// Where the instruction begins, counted as [`in_order`] does, that the byte at `offset` belongs to.
pub fn start_of(code: &[u8], offset: usize) -> usize {
    let mut at = 0;
    loop {
        let next = at + usize::from(decode(&window(code, at)).len.max(1));
        if next > offset {
            return at;
        }
        at = next;
    }
}
