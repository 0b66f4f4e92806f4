//! `mkdir [-p] PATH…`: makes directories. With `-p` also those above them, and those that exist
//! are no failure.
//!
//! ```text
//! $ uio exec web -- mkdir -p /uio/logs/today
//! ```

use uio_console::record::Kind as FileKind;

use crate::command::{Call, Command, Context, Kind, Outcome, Trouble};
use crate::files::{Error, Files};

/// Options that are taken.
const OPTIONS: &[u8] = b"p";
/// Place of `-p`.
const PARENTS: u8 = 0;

/// Permissions of a new directory.
const MODE: u32 = 0o755;

/// `EEXIST` of Linux: the file exists.
const EEXIST: Error = Error::Os(17);

pub(super) static COMMAND: Command = Command {
    name: "mkdir",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    cx.each(OPTIONS, None, one)
}

fn one(cx: &mut Context<'_>, call: Call<'_>) -> Result<(), Trouble> {
    let path = cx.absolute(call.given)?;
    if call.flags.has(PARENTS) {
        make_all(cx.files(), &path)?;
    } else {
        cx.files().mkdir(&path, MODE)?;
    }
    Ok(())
}

/// Makes the directory `path` and those above it.
fn make_all(files: &dyn Files, path: &[u8]) -> Result<(), Error> {
    let mut end = 0;
    while end < path.len() {
        let rest = path.get(end + 1..).unwrap_or_default();
        let len = rest.iter().position(|&byte| byte == b'/');
        end += 1 + len.unwrap_or(rest.len());
        let part = path.get(..end).unwrap_or_default();
        match files.stat(part) {
            Ok(stat) if stat.kind == FileKind::Directory => {}
            Ok(_) => return Err(EEXIST),
            Err(Error::NoShare) => return Err(Error::NoShare),
            Err(_) => files.mkdir(part, MODE)?,
        }
    }
    Ok(())
}
