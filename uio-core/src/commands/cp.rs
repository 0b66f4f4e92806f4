//! `cp [-r] SOURCE… TARGET`: copies files, with `-r` also directories. A target that is a
//! directory receives the copies. Progress and the total are told in bytes.
//!
//! ```text
//! $ uio exec web -- cp /var/log/access.log /uio/
//! 18342 bytes copied
//! ```

use crate::command::transfer::{Progress, Target, copy};
use crate::command::{Command, Context, Kind, Options, Outcome};

/// Options that are taken.
const OPTIONS: &[u8] = b"rR";

pub(super) static COMMAND: Command = Command {
    name: "cp",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    let flags = cx.options(OPTIONS, 2, u8::MAX)?;
    let target = Target::new(cx, OPTIONS, flags)?;
    let recursive = flags.has(0) || flags.has(1);
    let mut progress = Progress::default();
    let mut status = 0;
    for (source, index) in Options::operands(cx.argv(), OPTIONS).take(target.sources) {
        let done = target
            .of(cx, source)
            .and_then(|(from, to)| copy(cx, &from, &to, recursive, &mut progress));
        status |= cx.report(done, index, target.index)?;
    }
    progress.tell(cx)?;
    Ok(status)
}
