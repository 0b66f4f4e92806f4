//! `hexdump [-n LEN] [-s OFF] FILE`: the bytes of a file from an offset on, as records of up to 2
//! KiB that the host lays out.
//!
//! ```text
//! $ uio exec web -- hexdump -n 20 /uio/web.toml
//! 00000000  6c 69 73 74 65 6e 20 3d  20 22 30 2e 30 2e 30 2e  |listen = "0.0.0.|
//! 00000010  30 3a 38 30                                       |0:80|
//! ```

use uio_console::record::Record;

use crate::command::{
    Command, Context, Kind, Options, Outcome, PIECE, READ, Trouble, arg_index, buffer,
};

/// Options that are taken.
const OPTIONS: &[u8] = b"n:s:";
/// Places of the options.
const LEN: usize = 0;
const OFFSET: usize = 1;

pub(super) static COMMAND: Command = Command {
    name: "hexdump",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    let flags = cx.options(OPTIONS, 1, 1)?;
    let operand = Options::operands(cx.argv(), OPTIONS).next();
    let (given, index) = operand.unwrap_or((b"", arg_index(0)));
    let done = dump(
        cx,
        given,
        flags.value(OFFSET).unwrap_or(0),
        flags.value(LEN).unwrap_or(u64::MAX),
    );
    cx.report(done, index, index)
}

fn dump(cx: &mut Context<'_>, given: &[u8], mut at: u64, mut left: u64) -> Result<(), Trouble> {
    let path = cx.absolute(given)?;
    let mut file = cx.files().open(&path, READ)?;
    let mut bytes = buffer(PIECE)?;
    while left != 0 {
        let most = left.min(PIECE as u64) as usize;
        let out = bytes.get_mut(..most).unwrap_or_default();
        let len = file.read_at(at, out)?.min(most);
        if len == 0 {
            break;
        }
        let data = bytes.get(..len).unwrap_or_default();
        cx.record(&Record::Bytes { at, data })?;
        at = at.saturating_add(len as u64);
        left -= len as u64;
    }
    Ok(())
}
