//! `stat PATH…`: what is known of files, one record each.
//!
//! ```text
//! $ uio exec web -- stat /uio/web.toml
//! file  mode 0644  size 412  inode 1311  links 1  owner 1000:1000  modified 2026-01-07 10:12:44
//! ```

use uio_console::record::Record;

use crate::command::{Call, Command, Context, Kind, Outcome, Trouble};

pub(super) static COMMAND: Command = Command {
    name: "stat",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    cx.each(b"", None, one)
}

fn one(cx: &mut Context<'_>, call: Call<'_>) -> Result<(), Trouble> {
    let path = cx.absolute(call.given)?;
    let stat = cx.files().stat(&path)?;
    Ok(cx.record(&Record::Stat(stat))?)
}
