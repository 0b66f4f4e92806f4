//! `free`: the guest's memory.
//!
//! ```text
//! $ uio exec web -- free
//!           total       used       free
//! memory  256.0 MiB  231.4 MiB   24.6 MiB
//! heap    218.2 MiB    3.1 MiB  215.1 MiB
//! overlay  12.3 KiB
//! programs      0 B
//! ```

use uio_console::record::{Memory, Record};

use crate::command::{Command, Context, Kind, Outcome};
use crate::engine::locked;

pub(super) static COMMAND: Command = Command {
    name: "free",
    kind: Kind::Inline,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    cx.no_operands()?;
    let memory = Memory {
        programs: locked(cx.core(), |state| state.programs.bytes()) as u64,
        ..cx.system().memory()
    };
    cx.record(&Record::Memory(memory))?;
    Ok(0)
}
