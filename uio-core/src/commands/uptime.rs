//! `uptime`: since when the guest runs, its clock, its cores.
//!
//! ```text
//! $ uio exec web -- uptime
//! 2026-01-07 10:14:03 UTC, up 0:03:12.481, 1 core
//! ```

use uio_console::record::Record;

use crate::command::{Command, Context, Kind, Outcome};

pub(super) static COMMAND: Command = Command {
    name: "uptime",
    kind: Kind::Inline,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    cx.no_operands()?;
    let system = cx.system();
    cx.record(&Record::Uptime {
        since_boot_us: system.since_boot_us(),
        now_us: system.now_us(),
        cores: system.cores(),
    })?;
    Ok(0)
}
