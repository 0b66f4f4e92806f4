//! `cp [-r] SOURCE… TARGET`: copies files, with `-r` also directories. A target that is a
//! directory receives the copies. Progress and the total are told in bytes.
//!
//! ```text
//! $ uio exec web -- cp /var/log/access.log /uio/
//! 18342 bytes copied
//! ```

use crate::command::transfer::{Progress, Trouble, copy, target};
use crate::command::{Command, Context, Item, Kind, Operands, Options, Outcome, absolute};

/// Options that are taken.
const OPTIONS: &[u8] = b"rR";

pub(super) static COMMAND: Command = Command {
    name: "cp",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    let operands = Operands::new(cx, OPTIONS)?;
    let recursive = Options::new(cx.argv(), OPTIONS).any(|item| matches!(item, Item::Flag(..)));
    let mut progress = Progress::default();
    let mut status = 0;
    for (source, index) in operands.sources(cx) {
        let done = one(cx, &operands, source, recursive, &mut progress);
        status |= operands.report(cx, index, done)?;
    }
    progress.tell(cx)?;
    Ok(status)
}

fn one(
    cx: &mut Context<'_>,
    operands: &Operands,
    source: &[u8],
    recursive: bool,
    progress: &mut Progress,
) -> Result<(), Trouble> {
    let from = absolute(cx.files(), source).map_err(Trouble::Source)?;
    let to = target(cx, &from, &operands.target, operands.into).map_err(Trouble::Target)?;
    copy(cx, &from, &to, recursive, progress)
}
