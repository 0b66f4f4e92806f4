//! `run PATH [ARG…]`: runs a program, a relocatable object file. Its status is the command's; 126 if
//! the program cannot be run, 128 + N if exception N ended it. A program stays in memory until
//! `unload`, or until another one needs the room; a changed file is loaded again. Each run starts with fresh data.
//!
//! ```text
//! $ uio exec web -- run /uio/counter.o requests
//! isolation: none
//! requests = 3
//! ```

use uio_console::record::UsageProblem;

use crate::command::{Command, Context, Kind, Outcome};
use crate::program::run;

pub(super) static COMMAND: Command = Command {
    name: "run",
    kind: Kind::Worker,
    run: start,
};

fn start(cx: &mut Context<'_>) -> Outcome {
    match cx.arg(1) {
        None => cx.usage(0, UsageProblem::Missing),
        Some([b'-', ..]) => cx.usage(1, UsageProblem::UnknownOption),
        Some(_) => run::run(cx),
    }
}
