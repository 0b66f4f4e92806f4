//! `ls [-al] [PATH…]`: the entries of directories, one record each; a file is listed itself. Without
//! a path, the share, or the root when none is attached. Of several directories, the names carry
//! the path. `-a` shows names that start with a dot, too; `-l` changes nothing.
//!
//! ```text
//! $ uio exec web -- ls /uio
//! -rw-r--r--  1     412  2026-01-07 10:12:44  web.toml
//! drwxr-xr-x  2    4096  2026-01-07 09:58:02  www
//! ```

use uio_console::record::{Entry, Kind as FileKind, Record};

use crate::command::{Call, Command, Context, Kind, Outcome, Trouble, join};

/// Options that are taken.
const OPTIONS: &[u8] = b"al";
/// Place of `-a`.
const ALL: u8 = 0;

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
    let stat = files.stat(&path)?;
    if stat.kind != FileKind::Directory {
        let name = call.given;
        return Ok(cx.record(&Record::Entry(Entry { name, stat }))?);
    }
    let mut trouble = Ok(());
    let listed = files.list(&path, &mut |entry| {
        if entry.name.starts_with(b".") && !call.flags.has(ALL) {
            return true;
        }
        trouble = tell(cx, entry, call);
        trouble.is_ok()
    });
    trouble?;
    Ok(listed?)
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
