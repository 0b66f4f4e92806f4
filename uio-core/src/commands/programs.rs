//! `programs`: the programs in memory, one record each.
//!
//! ```text
//! $ uio exec web -- programs
//! base        size  runs  running  path
//! 0x3e00000  12288     4        0  /uio/counter.o
//! ```

use uio_console::record::{Program, Record};

use crate::command::{Command, Context, Kind, Outcome};
use crate::engine::locked;
use crate::program::registry::SLOTS;

pub(super) static COMMAND: Command = Command {
    name: "programs",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    cx.no_operands()?;
    for slot in 0..SLOTS {
        let Some(facts) = locked(cx.core(), |state| state.programs.facts(slot)) else {
            continue;
        };
        cx.record(&Record::Program(Program {
            path: &facts.path,
            base: facts.base,
            size: facts.size,
            runs: facts.runs,
            running: facts.running.into(),
        }))?;
    }
    Ok(0)
}
