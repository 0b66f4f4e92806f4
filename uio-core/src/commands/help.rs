//! `help`: the commands that the guest knows, one record each.
//!
//! ```text
//! $ uio exec web -- help
//! help
//! ls
//! cat
//! ```

use uio_console::record::Record;

use crate::command::{Command, Context, Kind, Outcome};

pub(super) static COMMAND: Command = Command {
    name: "help",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    for command in super::ALL {
        cx.record(&Record::Command { name: command.name })?;
    }
    Ok(0)
}
