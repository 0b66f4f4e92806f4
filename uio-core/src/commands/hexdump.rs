//! `hexdump [-n LEN] [-s OFF] FILE`: the bytes of a file from an offset on, as records of up to 2
//! KiB that the host lays out.
//!
//! ```text
//! $ uio exec web -- hexdump -n 20 /uio/web.toml
//! 00000000  6c 69 73 74 65 6e 20 3d  20 22 30 2e 30 2e 30 2e  |listen = "0.0.0.|
//! 00000010  30 3a 38 30                                       |0:80|
//! ```

use uio_console::record::{Record, UsageProblem};

use crate::command::{
    Command, Context, FAILED, Item, Kind, Options, Outcome, PIECE, absolute, buffer, number,
};
use crate::files::Open;

/// Options that are taken.
const OPTIONS: &[u8] = b"n:s:";

pub(super) static COMMAND: Command = Command {
    name: "hexdump",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    let (mut at, mut left, mut file) = (0, u64::MAX, None);
    for item in Options::new(cx.argv(), OPTIONS) {
        match item {
            Item::Value(option, value, index) => {
                let Some(value) = number(value) else {
                    return cx.usage(index, UsageProblem::NotANumber);
                };
                *(if option == b'n' { &mut left } else { &mut at }) = value;
            }
            Item::Operand(path, index) if file.is_none() => file = Some((path, index)),
            Item::Operand(_, index) => return cx.usage(index, UsageProblem::Extra),
            Item::Problem(problem, index) => return cx.usage(index, problem),
            Item::Flag(..) => {}
        }
    }
    let Some((path, index)) = file else {
        return cx.usage(0, UsageProblem::Missing);
    };
    let files = cx.files();
    let how = Open {
        read: true,
        ..Open::default()
    };
    let mut file = match absolute(files, path).and_then(|path| files.open(&path, how)) {
        Ok(file) => file,
        Err(error) => {
            cx.file_failure(index, error)?;
            return Ok(FAILED);
        }
    };
    let Some(mut bytes) = buffer(PIECE) else {
        return cx.no_memory(PIECE as u64);
    };
    while left != 0 {
        let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let out = bytes.get_mut(..most).unwrap_or_default();
        let len = match file.read_at(at, out) {
            Ok(0) => break,
            Ok(len) => len.min(most),
            Err(error) => {
                cx.file_failure(index, error)?;
                return Ok(FAILED);
            }
        };
        let data = bytes.get(..len).unwrap_or_default();
        cx.record(&Record::Bytes { at, data })?;
        at = at.saturating_add(len as u64);
        left -= len as u64;
    }
    Ok(0)
}
