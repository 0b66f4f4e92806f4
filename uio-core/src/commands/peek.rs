//! `peek ADDRESS [LEN]`: memory of the guest. ADDRESS is a number (decimal, or hexadecimal after
//! `0x`) or a symbol of the image, with `+OFFSET` if one likes. Without LEN, 64 bytes, or the
//! symbol's size.
//!
//! ```text
//! $ uio exec web -- peek REQUESTS
//! 0000000000412340  2a 00 00 00 00 00 00 00                           |*.......|
//! ```

use uio_console::record::{Failure, Record, UsageProblem};

use crate::command::{Command, Context, FAILED, Kind, Options, Outcome, PIECE, Stop, number};
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
    cx.options(OPTIONS, 1, 2)?;
    let mut operands = Options::operands(cx.argv(), OPTIONS);
    let place = operands.next().map_or(&b""[..], |(place, _)| place);
    let len = match operands.next() {
        None => None,
        Some((len, index)) => match number(len) {
            Some(len @ 0..=MAX_LEN) => Some(len),
            Some(_) => return cx.usage(index, UsageProblem::OutOfRange),
            None => return cx.usage(index, UsageProblem::NotANumber),
        },
    };
    let Some((address, size)) = resolve(cx, place)? else {
        return Ok(FAILED);
    };
    show(cx, address, len.unwrap_or(size) as usize)
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
    let address = base.saturating_add(offset);
    Ok(Some((address, size)))
}

fn show(cx: &mut Context<'_>, mut at: u64, mut left: usize) -> Outcome {
    // Small pieces, so that the overlay stays small and a worker's stack holds one.
    let mut bytes = [0; PIECE / 4];
    let mut bad = None;
    while left != 0 {
        let most = left.min(bytes.len());
        let piece = bytes.get_mut(..most).unwrap_or_default();
        match cx.system().read_memory(at, piece) {
            Ok(()) => {
                let data = &*piece;
                cx.record(&Record::Bytes { at, data })?;
                at = at.saturating_add(most as u64);
                left -= most;
            }
            // What comes before the address that cannot be read is shown.
            Err(address) if bad.is_none() => {
                bad = Some(address);
                left = left.min(address.saturating_sub(at) as usize);
            }
            Err(_) => break,
        }
    }
    match bad {
        None => Ok(0),
        Some(address) => {
            cx.failure(&Failure::BadAddress { address })?;
            Ok(FAILED)
        }
    }
}
