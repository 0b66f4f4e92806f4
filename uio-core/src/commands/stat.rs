//! `stat PATH…`: what is known of files, one record each.
//!
//! ```text
//! $ uio exec web -- stat /uio/web.toml
//! file  mode 0644  size 412  inode 1311  links 1  owner 1000:1000  modified 2026-01-07 10:12:44
//! ```

use uio_console::record::{Record, UsageProblem};

use crate::command::{Command, Context, FAILED, Kind, Options, Outcome, absolute};

/// Options that are taken.
const OPTIONS: &[u8] = b"";

pub(super) static COMMAND: Command = Command {
    name: "stat",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    let argv = cx.argv();
    cx.check_options(OPTIONS)?;
    let files = cx.files();
    let mut status = None;
    for (path, index) in Options::operands(argv, OPTIONS) {
        status.get_or_insert(0);
        match absolute(files, path).and_then(|path| files.stat(&path)) {
            Ok(stat) => cx.record(&Record::Stat(stat))?,
            Err(error) => {
                cx.file_failure(index, error)?;
                status = Some(FAILED);
            }
        }
    }
    match status {
        Some(status) => Ok(status),
        None => cx.usage(0, UsageProblem::Missing),
    }
}
