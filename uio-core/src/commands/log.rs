//! `log [-n LINES] [-f]`: the kernel's log, as far as the ring still holds it, one record a line.
//! `-n` shows only the last lines, `-f` goes on with those that come until it is interrupted.
//!
//! ```text
//! $ uio exec web -- log -n 2
//! [   0.112830] INFO  cpu 0  virtio-9p: tag `uio`, msize 131072
//! [   0.113002] INFO  cpu 0  share mounted at /uio
//! ```

use uio_console::record::Record;

use crate::command::{Command, Context, Kind, Outcome, batch};

/// Options that are taken.
const OPTIONS: &[u8] = b"n:f";
/// Places of the options.
const LINES: usize = 0;
const FOLLOW: u8 = 1;

/// How often `-f` looks for new lines.
const LOOK_MS: u64 = 200;

pub(super) static COMMAND: Command = Command {
    name: "log",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    let flags = cx.options(OPTIONS, 0, 0)?;
    let system = cx.system();
    let mut next = 0;
    if let Some(lines) = flags.value(LINES) {
        system.log(0, &mut |line| {
            next = line.number.saturating_add(1);
            true
        });
        next = next.saturating_sub(lines);
    }
    loop {
        batch::send_all(cx, &mut |_, add| {
            system.log(next, &mut |line| {
                let taken = add(&Record::Log(*line));
                if taken {
                    next = line.number.saturating_add(1);
                }
                taken
            });
        })?;
        if !flags.has(FOLLOW) {
            return Ok(0);
        }
        cx.sleep_ms(LOOK_MS)?;
    }
}
