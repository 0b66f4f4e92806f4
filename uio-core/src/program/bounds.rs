//! The options of `run`: within what bounds a program runs.

use uio_console::argv::{Own, program_of};
use uio_console::record::{Bounds, UsageProblem};

use crate::command::{Context, Stop, arg_index, number};
use crate::isolation::Limits;

/// The longest time limit, in milliseconds: 49 days.
const LONGEST_MS: u64 = u32::MAX as u64;

/// Reads the options of `run`; gives the bounds, and the program's own part of the command line.
///
/// # Errors
/// [`Stop`], after it was said what is wrong with them.
pub fn read<'a>(cx: &mut Context<'a>) -> Result<(Limits, Own<'a>), Stop> {
    let mut limits = Limits {
        policy: cx.policy(),
        time_ms: Some(Limits::TIME_MS),
        cpu_share: Limits::CPU_SHARE,
        below: false,
    };
    let program = program_of(cx.argv());
    let mut index = 1;
    while index < program.index {
        let option = cx.arg(index).unwrap_or_default();
        let equals = option.iter().position(|&byte| byte == b'=');
        let (name, value) = match equals {
            Some(at) => (option.get(..at), option.get(at + 1..)),
            None if option == b"--" => break,
            None => (Some(option), cx.arg(index + 1)),
        };
        let problem = match value {
            Some(value) => set(&mut limits, name.unwrap_or_default(), value),
            None => Err(UsageProblem::Missing),
        };
        if equals.is_none()
            && !matches!(
                problem,
                Err(UsageProblem::UnknownOption | UsageProblem::Missing)
            )
        {
            index += 1;
        }
        if let Err(problem) = problem {
            return Err(cx.misused(arg_index(index), problem));
        }
        index += 1;
    }
    match program.path() {
        None => Err(cx.misused(arg_index(cx.argv().len() - 1), UsageProblem::Missing)),
        // Behind `--`, anything is a path.
        Some([b'-', ..]) if cx.arg(program.index - 1) != Some(b"--") => {
            Err(cx.misused(arg_index(program.index), UsageProblem::UnknownOption))
        }
        Some(_) => Ok((limits, program)),
    }
}

/// Takes an option and its value.
fn set(limits: &mut Limits, name: &[u8], value: &[u8]) -> Result<(), UsageProblem> {
    match name {
        b"--timeout" => limits.time_ms = time_ms(value)?,
        b"--cpu-share" => match number(value) {
            Some(share @ 1..=100) => limits.cpu_share = share as u8,
            Some(_) => return Err(UsageProblem::OutOfRange),
            None => return Err(UsageProblem::NotANumber),
        },
        b"--priority" => {
            limits.below = match value {
                b"below" => true,
                b"above" => false,
                _ => return Err(UsageProblem::UnknownWord),
            }
        }
        _ => return Err(UsageProblem::UnknownOption),
    }
    Ok(())
}

/// Reads a span of time: a number of `ms`, `s` (also without a unit) or `m`; `none` is none.
///
/// # Errors
/// What is wrong with it.
pub fn time_ms(text: &[u8]) -> Result<Option<u64>, UsageProblem> {
    if text == b"none" {
        return Ok(None);
    }
    let (digits, unit_ms) = match text {
        [digits @ .., b'm', b's'] => (digits, 1),
        [digits @ .., b's'] => (digits, 1000),
        [digits @ .., b'm'] => (digits, 60_000),
        digits => (digits, 1000),
    };
    let span = number(digits).ok_or(UsageProblem::NotATime)?;
    match span.checked_mul(unit_ms) {
        Some(ms @ 1..=LONGEST_MS) => Ok(Some(ms)),
        _ => Err(UsageProblem::OutOfRange),
    }
}

/// The same as it is told of a job.
pub fn told(limits: &Limits) -> Bounds {
    Bounds {
        policy: limits.policy,
        time_ms: limits.time_ms,
        cpu_share: limits.cpu_share,
        below: limits.below,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time() {
        for (text, ms) in [
            (&b"2s"[..], Some(2000)),
            (b"500ms", Some(500)),
            (b"3m", Some(180_000)),
            (b"7", Some(7000)),
            (b"none", None),
        ] {
            assert_eq!(time_ms(text), Ok(ms), "{text:?}");
        }
        for text in [&b""[..], b"s", b"ms", b"2x", b"-1s", b"1.5s", b"None"] {
            assert_eq!(time_ms(text), Err(UsageProblem::NotATime), "{text:?}");
        }
        for text in [&b"0"[..], b"0ms", b"4294968s", b"18446744073709551615m"] {
            assert_eq!(time_ms(text), Err(UsageProblem::OutOfRange), "{text:?}");
        }
    }
}
