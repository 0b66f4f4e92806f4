//! Instructions that are looked for where instructions begin: those whose opcodes constants,
//! displacements and neighbours often happen to have.

use super::class::Classes;
use super::length::{Step, WINDOW, decode};
use super::table::{BYTES, FORM, MODRM, ONE, OTHER, SIB, TWO, kind};
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
    let mut last = [0; 2 * BLOCK + WINDOW];
    let (start, _) = last.split_at_mut_checked(rest.len())?;
    start.copy_from_slice(rest);
    let blocks = rest.len().next_multiple_of(BLOCK) + WINDOW;
    let (_, found) = walk(last.get(..blocks)?, granted);
    let found = found.filter(|found| found.offset < rest.len())?;
    Some(Found {
        offset: at + found.offset,
        len: found.len.min((rest.len() - found.offset) as u8),
        ..found
    })
}

/// Bytes that are gone through at once.
const BLOCK: usize = 64;

/// Some instructions, and enough bytes behind to see the last of them as a whole.
type Block = [u8; BLOCK + WINDOW];

/// Goes through the instructions that begin at least so many bytes before the end as a block and a
/// window have. Gives where the next one begins.
fn walk(code: &[u8], granted: Classes) -> (usize, Option<Found>) {
    let mut rest = code;
    let mut at = 0;
    while let Some(block) = rest.first_chunk() {
        while at < BLOCK {
            let mut op = at;
            let mut entry = ONE[usize::from(block[op])];
            if entry == kind::REX {
                op += 1;
                entry = ONE[usize::from(block[op])];
            }
            if entry & MODRM == 0 {
                at = op + usize::from(entry & BYTES);
                continue;
            }
            // With OTHER, MODRM is set too: one branch is enough for most.
            let sum = usize::from(entry) + usize::from(FORM[usize::from(block[op + 1])]);
            if sum < SPECIAL {
                at = op + sum % 16;
                continue;
            }
            if let Some(len) = frequent(block, op, at, entry) {
                at = op + len;
                continue;
            }
            let Some(window) = block.get(at..).and_then(|bytes| bytes.first_chunk()) else {
                break;
            };
            let Step { len, class } = decode(window);
            if let Some(class) = class
                && !granted.contains(class)
            {
                let offset = code.len() - rest.len() + at;
                let found = Found {
                    offset,
                    len,
                    class,
                    within: 0,
                };
                return (offset, Some(found));
            }
            at += usize::from(len.max(1));
        }
        at -= BLOCK;
        rest = rest.get(BLOCK..).unwrap_or_default();
    }
    (code.len() - rest.len() + at, None)
}

/// The sum of two entries of tables is less if they only count bytes.
const SPECIAL: usize = 0x80;
const _: () = assert!(OTHER as usize == SPECIAL && SIB as usize == SPECIAL);

/// Bytes from the opcode at `op` on, of an instruction that begins at `start`, for what is frequent
/// among the special ones.
#[inline(always)]
fn frequent(block: &Block, op: usize, start: usize, entry: u8) -> Option<usize> {
    let escaped = match entry {
        kind::ESCAPE => 1,
        kind::OPERAND | kind::REPNE | kind::PREFIX if op == start && block[op + 1] == 0x0f => 2,
        kind::MOV if op == start => return Some(5),
        kind::GROUP5 if block[op + 1] & 8 == 0 => return plain(block, op, 1 | MODRM),
        _ if entry < OTHER => return with_sib(block, op, entry),
        _ => return None,
    };
    let entry = TWO[usize::from(block[op + escaped])];
    Some(escaped + plain(block, op + escaped, entry)?)
}

/// The same for an opcode that has an entry of its own.
#[inline(always)]
fn plain(block: &Block, op: usize, entry: u8) -> Option<usize> {
    if entry & MODRM == 0 {
        return Some(usize::from(entry & BYTES));
    }
    let sum = usize::from(entry) + usize::from(FORM[usize::from(block[op + 1])]);
    if sum < SPECIAL {
        Some(sum % 16)
    } else if entry < OTHER {
        with_sib(block, op, entry)
    } else {
        None
    }
}

/// The same for an operand that has a SIB byte and perhaps no base.
#[inline(always)]
fn with_sib(block: &Block, op: usize, entry: u8) -> Option<usize> {
    let displacement = if block[op + 2] & 7 == 5 { 4 } else { 0 };
    Some(usize::from(entry & BYTES) + 2 + displacement)
}

/// Where the instruction begins, counted as [`in_order`] does, that the byte at `offset` belongs to.
#[inline(never)]
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
