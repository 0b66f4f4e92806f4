//! `run [--timeout TIME] [--cpu-share PERCENT] [--priority above|below] PATH [ARG…]`: runs a program,
//! a relocatable object file. Its status is the command's; 124 if it came to its time limit, 126 if
//! it cannot be run, 128 + N if exception N ended it. A program stays in memory until `unload`, or
//! until another one needs the room; a changed file is loaded again. Each run starts with fresh data.
//!
//! TIME is a number of `ms`, `s` or `m`, 10 s if nothing is said, or `none`. While the application has
//! something to do the program gets at most PERCENT of the core, 50 if nothing is said; with
//! `--priority below` nothing at all.
//!
//! ```text
//! $ uio exec web -- run --timeout 2s /uio/counter.o requests
//! isolation: pku
//! requests = 3
//! ```

use crate::command::{Command, Kind};
use crate::program::run;

pub(super) static COMMAND: Command = Command {
    name: "run",
    kind: Kind::Worker,
    run: run::run,
};
