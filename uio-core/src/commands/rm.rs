//! `rm [-rf] PATH…`: removes files, with `-r` also directories and all that is in them. With `-f`
//! one that does not exist is no failure.
//!
//! ```text
//! $ uio exec web -- rm /uio/web.toml.old
//! ```

use uio_console::record::UsageProblem;

use crate::command::transfer::{Trouble, remove};
use crate::command::{Command, Context, FAILED, Item, Kind, Options, Outcome, absolute};
use crate::files::Error;

/// Options that are taken.
const OPTIONS: &[u8] = b"rRf";

/// `ENOENT` of Linux: no such file or directory.
const ENOENT: Error = Error::Os(2);
/// `EBUSY` of Linux: the root and the mount point of the share stay.
const EBUSY: Error = Error::Os(16);

pub(super) static COMMAND: Command = Command {
    name: "rm",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    let argv = cx.argv();
    cx.check_options(OPTIONS)?;
    let (mut recursive, mut force) = (false, false);
    for item in Options::new(argv, OPTIONS) {
        match item {
            Item::Flag(b'f', _) => force = true,
            Item::Flag(..) => recursive = true,
            _ => {}
        }
    }
    let mut status = None;
    for (path, index) in Options::operands(argv, OPTIONS) {
        status.get_or_insert(0);
        match one(cx, path, recursive) {
            Ok(()) => {}
            Err(Trouble::Stop(stop)) => return Err(stop),
            Err(Trouble::Source(ENOENT)) if force => {}
            Err(Trouble::Source(error) | Trouble::Target(error)) => {
                cx.file_failure(index, error)?;
                status = Some(FAILED);
            }
        }
    }
    match status {
        Some(status) => Ok(status),
        None if force => Ok(0),
        None => cx.usage(0, UsageProblem::Missing),
    }
}

fn one(cx: &mut Context<'_>, path: &[u8], recursive: bool) -> Result<(), Trouble> {
    let files = cx.files();
    let path = absolute(files, path).map_err(Trouble::Source)?;
    if path == b"/" || path == files.share().0.as_bytes() {
        return Err(Trouble::Source(EBUSY));
    }
    remove(cx, &path, recursive)
}
