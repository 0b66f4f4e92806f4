//! `peek ADDRESS [LEN]`: memory of the guest. ADDRESS is a number (decimal, or hexadecimal after
//! `0x`) or a symbol of the image, with `+OFFSET` if one likes. Without LEN, 64 bytes, or the
//! symbol's size.
//!
//! ```text
//! $ uio exec web -- peek REQUESTS
//! 0000000000412340  2a 00 00 00 00 00 00 00                           |*.......|
//! ```

use uio_console::record::{Failure, Record, UsageProblem};

use crate::command::{
    Command, Context, FAILED, Kind, Options, Outcome, PIECE, Stop, buffer, number,
};
use crate::program::lookup;

/// Options that are taken.
const OPTIONS: &[u8] = b"";

/// Bytes that are shown of something whose size is not known.
const DEFAULT_LEN: u64 = 64;
/// Bytes that are shown of a symbol at most, unless more are asked for.
const SYMBOL_LEN: u64 = 4096;
/// The most bytes that may be asked for.
const MAX_LEN: u64 = 1 << 20;

pub(super) static COMMAND: Command = Command {
    name: "peek",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    cx.check_options(OPTIONS)?;
    let mut operands = Options::operands(cx.argv(), OPTIONS);
    let Some((place, _)) = operands.next() else {
        return cx.usage(0, UsageProblem::Missing);
    };
    let len = match operands.next() {
        None => None,
        Some((len, index)) => match number(len) {
            Some(len @ 0..=MAX_LEN) => Some(len),
            Some(_) => return cx.usage(index, UsageProblem::OutOfRange),
            None => return cx.usage(index, UsageProblem::NotANumber),
        },
    };
    if let Some((_, index)) = operands.next() {
        return cx.usage(index, UsageProblem::Extra);
    }
    let Some((address, size)) = resolve(cx, place)? else {
        return Ok(FAILED);
    };
    show(cx, address, len.unwrap_or(size))
}

/// Address of a place and how many bytes of it to show; `None` when there is no such place, which
/// is then said.
fn resolve(cx: &mut Context<'_>, place: &[u8]) -> Result<Option<(u64, u64)>, Stop> {
    let split = place.iter().rposition(|&byte| byte == b'+');
    let (name, offset) = split
        .and_then(|at| Some((place.get(..at)?, number(place.get(at + 1..)?)?)))
        .unwrap_or((place, 0));
    let (base, size) = match number(name) {
        Some(address) => (address, DEFAULT_LEN),
        None => match lookup::symbol(cx, name)? {
            Some((address, 0)) => (address, DEFAULT_LEN),
            Some((address, size)) => (address, size.saturating_sub(offset).min(SYMBOL_LEN)),
            None => return Ok(None),
        },
    };
    match base.checked_add(offset) {
        Some(address) => Ok(Some((address, size))),
        None => {
            cx.failure(&Failure::BadAddress { address: u64::MAX })?;
            Ok(None)
        }
    }
}

fn show(cx: &mut Context<'_>, mut at: u64, len: u64) -> Outcome {
    let Some(mut bytes) = buffer(PIECE) else {
        return cx.no_memory(PIECE as u64);
    };
    let mut left = len as usize;
    let mut bad = None;
    while left != 0 {
        let piece = bytes.get_mut(..left.min(PIECE)).unwrap_or_default();
        let len = match cx.system().read_memory(at, piece) {
            Ok(()) => piece.len(),
            // What comes before the address that cannot be read is shown.
            Err(address) if bad.is_none() && address > at => {
                bad = Some(address);
                left = usize::try_from(address - at).unwrap_or(0).min(left);
                continue;
            }
            Err(address) => {
                bad = Some(address);
                break;
            }
        };
        let data = bytes.get(..len).unwrap_or_default();
        cx.record(&Record::Bytes { at, data })?;
        at = at.saturating_add(len as u64);
        left -= len;
    }
    match bad {
        None => Ok(0),
        Some(address) => {
            cx.failure(&Failure::BadAddress { address })?;
            Ok(FAILED)
        }
    }
}
