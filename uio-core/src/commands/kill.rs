//! `kill SIGNAL`: runs the application's handler for a signal. `HUP`, `-HUP`, `SIGHUP`, `1` and
//! `-s HUP` mean the same. `kill %N` interrupts job N, `kill -l` lists the signals.
//!
//! ```text
//! $ uio exec web -- kill HUP
//! $ uio exec web -- kill USR1
//! uio: the application has no handler for signal 10 (USR1)
//! ```

use uio_console::record::{Failure, UsageProblem};

use crate::command::{Command, Context, FAILED, Kind, Outcome, Stop, number};

/// `ESRCH` of Linux: no such process.
const ESRCH: i32 = 3;

/// Signals by number, from 1 on, as Linux numbers them on most machines (signal(7)).
const SIGNALS: &str = "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM \
                       STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO \
                       PWR SYS\n";
/// Number of the last signal.
const LAST: u64 = 31;

// Job N is interrupted on the overlay task, which no program can keep from running; the
// application's handler is run on a worker.
pub(super) static COMMAND: Command = Command {
    name: "kill",
    kind: Kind::Inline,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    let (target, index, extra) = match (cx.arg(1), cx.arg(2)) {
        (None, _) => return cx.usage(0, UsageProblem::Missing),
        (Some(b"-s"), None) => return cx.usage(1, UsageProblem::Missing),
        (Some(b"-s" | b"--"), Some(target)) => (target, 2, 3),
        (Some(target), _) => (target, 1, 2),
    };
    if cx.arg(usize::from(extra)).is_some() {
        return cx.usage(extra, UsageProblem::Extra);
    }
    match target {
        b"-l" => {
            cx.stdout(SIGNALS.as_bytes())?;
            Ok(0)
        }
        [b'%', job @ ..] => kill_job(cx, job, index),
        name => match signal(name) {
            Some(number) => send(cx, number),
            None => cx.usage(index, UsageProblem::UnknownSignal),
        },
    }
}

fn kill_job(cx: &mut Context<'_>, job: &[u8], index: u8) -> Outcome {
    let Some(job) = number(job).and_then(|job| u32::try_from(job).ok()) else {
        return cx.usage(index, UsageProblem::NotANumber);
    };
    if cx.interrupt_job(job) {
        return Ok(0);
    }
    cx.failure(&Failure::Os {
        arg: index,
        errno: ESRCH,
    })?;
    Ok(FAILED)
}

fn send(cx: &mut Context<'_>, signal: i32) -> Outcome {
    if cx.worker().is_none() {
        return Err(Stop::Later);
    }
    if cx.system().signal(signal) {
        return Ok(0);
    }
    cx.failure(&Failure::NoHandler { signal })?;
    Ok(FAILED)
}

/// The number of a signal that is given by number or name.
fn signal(text: &[u8]) -> Option<i32> {
    let name = text.strip_prefix(b"-").unwrap_or(text);
    if let Some(number) = number(name) {
        return (1..=LAST).contains(&number).then_some(number as i32);
    }
    let name = match name.split_at_checked(3) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(b"SIG") => rest,
        _ => name,
    };
    let mut names = SIGNALS.as_bytes().split(|&byte| byte <= b' ');
    // The closing line feed leaves an empty name behind.
    let at = names.position(|known| !known.is_empty() && known.eq_ignore_ascii_case(name))?;
    i32::try_from(at + 1).ok()
}
