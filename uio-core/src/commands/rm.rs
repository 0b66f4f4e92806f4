//! `rm [-rf] PATH…`: removes files, with `-r` also directories and all that is in them. With `-f`
//! one that does not exist is no failure.
//!
//! ```text
//! $ uio exec web -- rm /uio/web.toml.old
//! ```

use crate::command::transfer::remove;
use crate::command::{Call, Command, Context, Kind, Outcome, Trouble};

/// Options that are taken.
const OPTIONS: &[u8] = b"rRf";
/// Places of the options.
const RECURSIVE: [u8; 2] = [0, 1];
const FORCE: u8 = 2;

/// `ENOENT` of Linux: no such file or directory.
const ENOENT: i32 = 2;
/// `EBUSY` of Linux: the root and the mount point of the share stay.
const EBUSY: i32 = 16;

pub(super) static COMMAND: Command = Command {
    name: "rm",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    cx.each(OPTIONS, None, one)
}

fn one(cx: &mut Context<'_>, call: Call<'_>) -> Result<(), Trouble> {
    let path = cx.absolute(call.given)?;
    if path == b"/" || path == cx.files().share().0.as_bytes() {
        return Err(Trouble::Here(EBUSY));
    }
    let recursive = RECURSIVE.iter().any(|&place| call.flags.has(place));
    match remove(cx, &path, recursive) {
        Err(Trouble::Here(ENOENT)) if call.flags.has(FORCE) => Ok(()),
        removed => removed,
    }
}
