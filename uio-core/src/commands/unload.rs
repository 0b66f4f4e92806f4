//! `unload PATH…`, `unload --all`: frees the memory of programs, but not of those that run.
//!
//! ```text
//! $ uio exec web -- unload /uio/counter.o
//! ```

use uio_console::record::Failure;

use crate::command::{Command, Context, FAILED, Kind, Options, Outcome, absolute};
use crate::engine::locked;
use crate::files::Error;
use crate::program::registry::Which;

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
        return unload(cx, Which::Any, 1);
    }
    cx.options(OPTIONS, 1, u8::MAX)?;
    let mut status = 0;
    for (operand, index) in Options::operands(argv, OPTIONS) {
        status |= match absolute(cx.files(), operand) {
            Ok(path) => unload(cx, Which::File(&path), index)?,
            Err(error) => failed(cx, index, error)?,
        };
    }
    Ok(status)
}

/// Frees such programs, which argument `arg` names.
fn unload(cx: &mut Context<'_>, which: Which<'_>, arg: u8) -> Outcome {
    let core = cx.core();
    let mut any = matches!(which, Which::Any);
    // A program is dropped without the lock.
    while locked(core, |state| state.programs.remove(which)).is_some() {
        any = true;
    }
    if locked(core, |state| state.programs.has(which, false)) {
        cx.failure(&Failure::ProgramRuns { arg })?;
        return Ok(FAILED);
    }
    if any { Ok(0) } else { failed(cx, arg, Error::Os(ENOENT)) }
}

fn failed(cx: &mut Context<'_>, arg: u8, error: Error) -> Outcome {
    cx.file_failure(arg, error)?;
    Ok(FAILED)
}
