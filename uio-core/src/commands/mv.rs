//! `mv SOURCE… TARGET`: renames files and directories; between file systems it copies them and
//! removes the source after all of it was copied. A target that is a directory receives them.
//!
//! ```text
//! $ uio exec web -- mv /uio/web.toml /uio/web.toml.old
//! ```

use crate::command::transfer::{Progress, Trouble, copy, remove, target};
use crate::command::{Command, Context, Kind, Operands, Outcome, absolute};
use crate::files::Error;

/// Options that are taken.
const OPTIONS: &[u8] = b"";

/// `EXDEV` of Linux: not within one file system.
const EXDEV: Error = Error::Os(18);

pub(super) static COMMAND: Command = Command {
    name: "mv",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    let operands = Operands::new(cx, OPTIONS)?;
    let mut status = 0;
    for (source, index) in operands.sources(cx) {
        let done = one(cx, &operands, source);
        status |= operands.report(cx, index, done)?;
    }
    Ok(status)
}

fn one(cx: &mut Context<'_>, operands: &Operands, source: &[u8]) -> Result<(), Trouble> {
    let files = cx.files();
    let from = absolute(files, source).map_err(Trouble::Source)?;
    let to = target(cx, &from, &operands.target, operands.into).map_err(Trouble::Target)?;
    match files.rename(&from, &to) {
        Err(EXDEV) => {
            copy(cx, &from, &to, true, &mut Progress::default())?;
            remove(cx, &from, true)
        }
        renamed => renamed.map_err(Trouble::Source),
    }
}
