//! `unload PATH…`, `unload --all`: frees the memory of programs, but not of those that run.
//!
//! ```text
//! $ uio exec web -- unload /uio/counter.o
//! ```

use uio_console::record::{Failure, UsageProblem};

use crate::command::{Command, Context, FAILED, Kind, Options, Outcome, Stop, absolute};
use crate::engine::locked;
use crate::files::Error;
use crate::program::registry::Unloaded;

/// Options that are taken, besides `--all`.
const OPTIONS: &[u8] = b"";

/// `ENOENT` of Linux: no such program in memory.
const ENOENT: i32 = 2;

pub(super) static COMMAND: Command = Command {
    name: "unload",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    let argv = cx.argv();
    if argv.len() == 2 && argv.get(1) == Some(b"--all") {
        return match unload(cx, None) {
            (_, true) => failed(cx, 1),
            _ => Ok(0),
        };
    }
    cx.check_options(OPTIONS)?;
    let mut status = None;
    for (operand, index) in Options::operands(argv, OPTIONS) {
        let one = match absolute(cx.files(), operand) {
            Err(error) => {
                cx.file_failure(index, error)?;
                FAILED
            }
            Ok(path) => match unload(cx, Some(&path)) {
                (_, true) => failed(cx, index)?,
                (true, false) => 0,
                (false, false) => {
                    cx.file_failure(index, Error::Os(ENOENT))?;
                    FAILED
                }
            },
        };
        status = Some(status.unwrap_or(0).max(one));
    }
    match status {
        Some(status) => Ok(status),
        None => cx.usage(0, UsageProblem::Missing),
    }
}

/// Frees the programs of a file, or all. Returns whether there was one, and whether one still runs.
fn unload(cx: &Context<'_>, path: Option<&[u8]>) -> (bool, bool) {
    let mut any = false;
    loop {
        // The program is dropped without the lock.
        match locked(cx.core(), |state| state.programs.unload(path)) {
            Unloaded::One(program) => {
                drop(program);
                any = true;
            }
            Unloaded::Running => return (any, true),
            Unloaded::None => return (any, false),
        }
    }
}

fn failed(cx: &mut Context<'_>, arg: u8) -> Result<i32, Stop> {
    cx.failure(&Failure::ProgramRuns { arg })?;
    Ok(FAILED)
}
