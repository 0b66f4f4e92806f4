//! `mkdir [-p] PATH…`: makes directories. With `-p` also those above them, and those that exist
//! are no failure.
//!
//! ```text
//! $ uio exec web -- mkdir -p /uio/logs/today
//! ```

use uio_console::record::{Kind as FileKind, UsageProblem};

use crate::command::{Command, Context, FAILED, Item, Kind, Options, Outcome, absolute};
use crate::files::{Error, Files};

/// Options that are taken.
const OPTIONS: &[u8] = b"p";

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
    let argv = cx.argv();
    cx.check_options(OPTIONS)?;
    let parents = Options::new(argv, OPTIONS).any(|item| matches!(item, Item::Flag(b'p', _)));
    let files = cx.files();
    let mut status = None;
    for (path, index) in Options::operands(argv, OPTIONS) {
        status.get_or_insert(0);
        let made = absolute(files, path).and_then(|path| match parents {
            true => make_all(files, &path),
            false => files.mkdir(&path, MODE),
        });
        if let Err(error) = made {
            cx.file_failure(index, error)?;
            status = Some(FAILED);
        }
    }
    match status {
        Some(status) => Ok(status),
        None => cx.usage(0, UsageProblem::Missing),
    }
}

/// Makes the directory `path` and those above it.
fn make_all(files: &dyn Files, path: &[u8]) -> Result<(), Error> {
    let ends = path.iter().enumerate().skip(1);
    let ends = ends.filter(|&(_, &byte)| byte == b'/').map(|(at, _)| at);
    for end in ends.chain([path.len()]) {
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
