//! `ls [PATH…]`: the entries of directories, one record each; a file is listed itself. Without a
//! path, the share, or the root when none is attached.
//!
//! ```text
//! $ uio exec web -- ls /uio
//! -rw-r--r--  1     412  2026-01-07 10:12:44  web.toml
//! drwxr-xr-x  2    4096  2026-01-07 09:58:02  www
//! ```

use uio_console::record::{Entry, Kind as FileKind, NO_ARG, Record};

use crate::command::{Command, Context, FAILED, Kind, Options, Outcome, Stop, absolute};
use crate::files::Error;

/// Options that are taken.
const OPTIONS: &[u8] = b"";

pub(super) static COMMAND: Command = Command {
    name: "ls",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    let argv = cx.argv();
    cx.check_options(OPTIONS)?;
    let mut status = 0;
    let mut any = false;
    for (path, index) in Options::operands(argv, OPTIONS) {
        any = true;
        if let Err(error) = list(cx, path, path)? {
            cx.file_failure(index, error)?;
            status = FAILED;
        }
    }
    if !any {
        if let Err(error) = list(cx, b".", b"")? {
            cx.file_failure(NO_ARG, error)?;
            status = FAILED;
        }
    }
    Ok(status)
}

/// Lists `path`, which was given as `name`.
fn list(cx: &mut Context<'_>, path: &[u8], name: &[u8]) -> Result<Result<(), Error>, Stop> {
    let files = cx.files();
    let path = match absolute(files, path) {
        Ok(path) => path,
        Err(error) => return Ok(Err(error)),
    };
    let stat = match files.stat(&path) {
        Ok(stat) => stat,
        Err(error) => return Ok(Err(error)),
    };
    if stat.kind != FileKind::Directory {
        cx.record(&Record::Entry(Entry { name, stat }))?;
        return Ok(Ok(()));
    }
    let mut stop = Ok(());
    let listed = files.list(&path, &mut |entry| {
        stop = cx.record(&Record::Entry(*entry));
        stop.is_ok()
    });
    stop?;
    Ok(listed)
}
