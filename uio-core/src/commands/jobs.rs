//! `jobs`: the requests that run, this one included, one record each. `kill %N` ends one.
//!
//! ```text
//! $ uio exec web -- jobs
//! %4  task 6  /uio/counter.o
//! %7  task 7  jobs
//! ```

use uio_console::record::Record;

use crate::command::{Command, Context, Kind, Outcome, Stop};
use crate::engine::{Seen, locked};

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
        let Seen {
            number, name, task, ..
        } = seen;
        let name = name.get(..usize::from(seen.name_len)).unwrap_or_default();
        cx.record(&Record::Job { number, name, task })?;
    }
    Ok(())
}
