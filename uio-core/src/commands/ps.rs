//! `ps`: the tasks of the kernel, one record each, then the requests that run, one record each.
//!
//! ```text
//! $ uio exec web -- ps
//!  ID  PRIO  CORE  STATE    STACK USED      SIZE  NAME
//!   0     0     0  idle              0         0  idle
//!   1     2     0  blocked      14.2 KiB  1.0 MiB  main
//!   2     4     0  blocked       3.1 KiB   32 KiB  uio
//!   3     3     0  running       4.4 KiB   32 KiB  uio-worker
//! ```

use uio_console::record::{Record, Task};

use crate::command::{Command, Context, Kind, Outcome, batch};

pub(super) static COMMAND: Command = Command {
    name: "ps",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    cx.no_operands()?;
    let system = cx.system();
    batch::send_all(cx, &mut |skip, add| {
        let mut index = 0;
        system.tasks(&mut |task: &Task<'_>| {
            index += 1;
            index <= skip || add(&Record::Task(*task))
        });
    })?;
    super::jobs::list(cx)?;
    Ok(0)
}
