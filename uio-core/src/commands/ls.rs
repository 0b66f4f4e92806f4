//! `ls [-al] [PATH…]`: the entries of directories, one record each; a file is listed itself. Without
//! a path, the share, or the root when none is attached. Of several directories, the names carry
//! the path. `-a` shows names that start with a dot, too; `-l` what `stat` tells of each, which
//! costs a look at every file.
//!
//! ```text
//! $ uio exec web -- ls /uio
//! web.toml
//! www/
//! $ uio exec web -- ls -l /uio
//! -rw-r--r--  1     412  2026-01-07 10:12:44  web.toml
//! drwxr-xr-x  2    4096  2026-01-07 09:58:02  www
//! ```

use uio_console::record::{Entry, Record};

use crate::command::{Call, Command, Context, Kind, Outcome, Trouble, join};
use crate::files::Error;

/// Options that are taken.
const OPTIONS: &[u8] = b"al";
/// Places of the options.
const ALL: u8 = 0;
const LONG: u8 = 1;

/// `ENOTDIR` of Linux: not a directory.
const ENOTDIR: i32 = 20;

pub(super) static COMMAND: Command = Command {
    name: "ls",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    cx.each(OPTIONS, Some(b"."), list)
}

fn list(cx: &mut Context<'_>, call: Call<'_>) -> Result<(), Trouble> {
    let path = cx.absolute(call.given)?;
    let files = cx.files();
    let long = call.flags.has(LONG);
    let mut trouble = Ok(());
    let listed = files.list(&path, long, &mut |entry| {
        if entry.name.starts_with(b".") && !call.flags.has(ALL) {
            return true;
        }
        trouble = tell(cx, entry, call);
        trouble.is_ok()
    });
    trouble?;
    if listed != Err(Error::Os(ENOTDIR)) {
        return Ok(listed?);
    }
    // Asked for only now: most paths are directories.
    let stat = files.stat(&path)?;
    Ok(cx.record(&Record::Entry(Entry {
        name: call.given,
        kind: stat.kind,
        stat: long.then_some(stat),
    }))?)
}

/// Tells of an entry, with the path of its directory if that is one of several.
fn tell(cx: &mut Context<'_>, entry: &Entry<'_>, call: Call<'_>) -> Result<(), Trouble> {
    let path;
    let mut entry = *entry;
    if call.flags.operands > 1 {
        path = join(call.given, entry.name)?;
        entry.name = &path;
    }
    Ok(cx.record(&Record::Entry(entry))?)
}
