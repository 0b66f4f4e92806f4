//! `unload PATH…`, `unload --all`: frees the memory of programs, but not of those that run.
//!
//! ```text
//! $ uio exec web -- unload /uio/counter.o
//! ```

use uio_console::record::Failure;

use crate::command::{Call, Command, Context, FAILED, Kind, Outcome, Trouble, absolute};
use crate::engine::locked;
use crate::program::index_of;
use crate::program::registry::Which;

/// `ENOENT` of Linux: no such program in memory.
const ENOENT: i32 = 2;

pub(super) static COMMAND: Command = Command {
    name: "unload",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    if cx.argv().len() == 2 && cx.arg(1) == Some(b"--all") {
        let done = unload(cx, Which::Any, b"--all");
        return cx.report(done, 1, 1);
    }
    cx.each(b"", None, one)
}

fn one(cx: &mut Context<'_>, call: Call<'_>) -> Result<(), Trouble> {
    let path = absolute(cx.files(), call.given)?;
    unload(cx, Which::File(&path), call.given)
}

/// Frees such programs, which this operand names.
fn unload(cx: &mut Context<'_>, which: Which<'_>, operand: &[u8]) -> Result<(), Trouble> {
    let core = cx.core();
    let mut any = matches!(which, Which::Any);
    // A program is dropped without the lock.
    while locked(core, |state| state.programs.remove(which)).is_some() {
        any = true;
    }
    if locked(core, |state| state.programs.has(which, false)) {
        let arg = index_of(cx, operand);
        cx.failure(&Failure::ProgramRuns { arg })?;
        return Err(Trouble::Status(FAILED));
    }
    if any {
        Ok(())
    } else {
        Err(Trouble::Here(ENOENT))
    }
}
