//! `exit [STATUS]`: ends with that status, 0 by default. It ends the request, not the guest; `uio
//! stop` does that.
//!
//! ```text
//! $ uio exec web -- exit 3; echo $?
//! 3
//! ```

use uio_console::record::UsageProblem;

use crate::command::{Command, Context, Kind, Outcome, number};

pub(super) static COMMAND: Command = Command {
    name: "exit",
    kind: Kind::Inline,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    let status = match (cx.argv().len(), cx.arg(1)) {
        (1, _) => return Ok(0),
        (2, Some(status)) => number(status),
        _ => return cx.usage(2, UsageProblem::Extra),
    };
    match status {
        Some(status @ 0..=255) => Ok(status as i32),
        Some(_) => cx.usage(1, UsageProblem::OutOfRange),
        None => cx.usage(1, UsageProblem::NotANumber),
    }
}
