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

use uio_console::record::Record;

use crate::command::{Command, Context, Kind, Outcome};
use crate::engine::{Receiver, State, locked};

pub(super) static COMMAND: Command = Command {
    name: "free",
    kind: Kind::Inline,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    cx.no_operands()?;
    let (programs, allocated) = locked(cx.core(), |state| {
        (state.programs.bytes(), state.allocated())
    });
    let mut memory = cx.system().memory();
    // Their stacks, guard pages and page tables are the overlay's.
    memory.overlay += memory.programs.saturating_sub(programs as u64);
    memory.programs = programs as u64 + bpf(cx);
    memory.overlay += (size_of::<State>() + size_of::<Receiver>() + allocated) as u64;
    cx.record(&Record::Memory(memory))?;
    Ok(0)
}

/// Bytes that eBPF programs and maps hold.
fn bpf(_cx: &Context<'_>) -> u64 {
    #[cfg(feature = "bpf")]
    return locked(_cx.core(), |state| state.bpf.bytes());
    #[cfg(not(feature = "bpf"))]
    0
}
