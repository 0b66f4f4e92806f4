//! `ls [-al] [PATH…]`: the entries of directories, one record each; a file is listed itself. Without
//! a path, the share, or the root when none is attached. Of several directories, the names carry
//! the path. `-a` shows names that start with a dot, too; `-l` changes nothing.
//!
//! ```text
//! $ uio exec web -- ls /uio
//! -rw-r--r--  1     412  2026-01-07 10:12:44  web.toml
//! drwxr-xr-x  2    4096  2026-01-07 09:58:02  www
//! ```

use uio_console::record::{Entry, Kind as FileKind, NO_ARG, Record};

use crate::command::transfer::Trouble;
use crate::command::{Command, Context, FAILED, Item, Kind, Options, Outcome, absolute, join};

/// Options that are taken.
const OPTIONS: &[u8] = b"al";

pub(super) static COMMAND: Command = Command {
    name: "ls",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    let argv = cx.argv();
    cx.check_options(OPTIONS)?;
    let all = Options::new(argv, OPTIONS).any(|item| matches!(item, Item::Flag(b'a', _)));
    let several = Options::operands(argv, OPTIONS).nth(1).is_some();
    let mut status = None;
    for (path, index) in Options::operands(argv, OPTIONS) {
        status.get_or_insert(0);
        if let Err(trouble) = list(cx, path, all, several) {
            status = Some(report(cx, index, trouble)?);
        }
    }
    match status {
        Some(status) => Ok(status),
        None => match list(cx, b".", all, false) {
            Ok(()) => Ok(0),
            Err(trouble) => report(cx, NO_ARG, trouble),
        },
    }
}

fn report(cx: &mut Context<'_>, index: u8, trouble: Trouble) -> Outcome {
    match trouble {
        Trouble::Stop(stop) => Err(stop),
        Trouble::Source(error) | Trouble::Target(error) => {
            cx.file_failure(index, error)?;
            Ok(FAILED)
        }
    }
}

/// Lists what `given` names, with its path before each name if it is one of several.
fn list(cx: &mut Context<'_>, given: &[u8], all: bool, several: bool) -> Result<(), Trouble> {
    let files = cx.files();
    let path = absolute(files, given).map_err(Trouble::Source)?;
    let stat = files.stat(&path).map_err(Trouble::Source)?;
    if stat.kind != FileKind::Directory {
        let entry = Entry { name: given, stat };
        return Ok(cx.record(&Record::Entry(entry))?);
    }
    let mut trouble = Ok(());
    let listed = files.list(&path, &mut |entry| {
        if entry.name.starts_with(b".") && !all {
            return true;
        }
        trouble = tell(cx, entry, several.then_some(given));
        trouble.is_ok()
    });
    trouble?;
    listed.map_err(Trouble::Source)
}

fn tell(cx: &mut Context<'_>, entry: &Entry<'_>, above: Option<&[u8]>) -> Result<(), Trouble> {
    let Some(above) = above else {
        return Ok(cx.record(&Record::Entry(*entry))?);
    };
    let path = join(above, entry.name).map_err(Trouble::Source)?;
    let stat = entry.stat;
    Ok(cx.record(&Record::Entry(Entry { name: &path, stat }))?)
}
