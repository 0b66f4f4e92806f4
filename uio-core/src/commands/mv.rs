//! `mv SOURCE… TARGET`: renames files and directories; between file systems it copies them and
//! removes the source after all of it was copied. A target that is a directory receives them.
//!
//! ```text
//! $ uio exec web -- mv /uio/web.toml /uio/web.toml.old
//! ```

use crate::command::transfer::{Progress, Target, copy, remove};
use crate::command::{Command, Context, Kind, Options, Outcome, Trouble};
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
    let flags = cx.options(OPTIONS, 2, u8::MAX)?;
    let target = Target::new(cx, OPTIONS, flags)?;
    let mut status = 0;
    for (source, index) in Options::operands(cx.argv(), OPTIONS).take(target.sources) {
        let done = one(cx, &target, source);
        status |= cx.report(done, index, target.index)?;
    }
    Ok(status)
}

fn one(cx: &mut Context<'_>, target: &Target, source: &[u8]) -> Result<(), Trouble> {
    let (from, to) = target.of(cx, source)?;
    match cx.files().rename(&from, &to) {
        Err(EXDEV) => {
            copy(cx, &from, &to, true, &mut Progress::default())?;
            remove(cx, &from, true)
        }
        renamed => Ok(renamed?),
    }
}
