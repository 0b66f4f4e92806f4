//! `jobs`: the requests that are open, this one included, one record each: what state they are in,
//! since when, and for a program within what bounds it runs. `kill %N` ends one.
//!
//! ```text
//! $ uio exec web -- jobs
//! JOB  TASK  STATE      FOR  LIMIT  SHARE  POLICY   NAME
//!  %4     6  running  3.2 s   10 s  40%    control  /uio/counter.o
//!  %7     7  running   0 ms                         jobs
//! ```

use crate::command::{Command, Context, Kind, Outcome, Stop};
use crate::engine::locked;

pub(super) static COMMAND: Command = Command {
    name: "jobs",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    cx.no_operands()?;
    list(cx)?;
    Ok(0)
}

/// Sends a record for each request that runs.
pub(super) fn list(cx: &mut Context<'_>) -> Result<(), Stop> {
    let mut after = 0;
    while let Some(seen) = locked(cx.core(), |state| state.job_after(after)) {
        after = seen.number;
        cx.job_record(&seen)?;
    }
    Ok(())
}
