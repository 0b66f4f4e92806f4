//! `bpf run [--mem HEX] [--budget INSTRUCTIONS] [--timeout TIME] PROGRAM [-]`: runs an executable with a buffer: the bytes that
//! `--mem` gives, or those on standard input. The application keeps most of the core meanwhile. The status is 0 if the program
//! ended by itself, 1 if the runtime ended it, 124 at the time limit.

use uio_bpf::kind::Kind;
use uio_bpf::run::End;
use uio_bpf::wire::{Answer, Ended, Trouble};
use uio_console::record::{Failure, UsageProblem};

use super::answer::{answer, first, more};
use super::call::Call;
use super::execute::{Block, Execution, calls_back, execute};
use super::line::option;
use super::load::table;
use crate::command::{FAILED, Stop};
use crate::isolation::Limits;
use crate::program::bounds::time_ms;
use crate::program::run::TIMED_OUT;

/// Microseconds that a program runs before the application has its share.
const TURN_US: u64 = 2000;

/// The most instructions of a compiled program, which nothing interrupts.
const MOST_COMPILED: u64 = 50_000_000;

/// The most instructions of a program whose functions helpers call, which nothing interrupts either.
const MOST_WHOLE: u64 = 5_000_000;

pub(super) fn run(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let word = call.word(0);
    let program = call.program(word)?.program;
    if program.kind != Kind::Executable {
        return Err(call.trouble(word.arg, &Trouble::Kind(program.kind)));
    }
    let budget = call.budget()?;
    let table = table(call);
    let most = match program.native {
        Some(_) => MOST_COMPILED,
        None if calls_back(&program, &table) => MOST_WHOLE,
        None => u64::MAX,
    };
    if budget > most {
        let arg = call.line.value(option::BUDGET).unwrap_or_default().arg;
        return Err(call.misused(arg, UsageProblem::OutOfRange));
    }
    let limit_ms = limit(call)?;
    let mut context = context(call)?;
    let execution = Execution {
        program: &program,
        table: &table,
        tracing: call.tracing,
        budget,
    };
    let mut turns = Turns::new(call, limit_ms);
    let began = turns.began_us;
    let end = execute(&execution, &mut context, &mut || turns.next());
    let stopped = turns.stopped;
    let duration = call.cx.system().since_boot_us().saturating_sub(began) * 1000;
    let Some(end) = end else {
        return Err(call.trouble(word.arg, &Trouble::Memory));
    };
    if let Some(stop) = stopped {
        return Err(ended(call, stop, limit_ms));
    }
    let (end, status) = match end {
        End::Returned(value) => (Ended::Returned(value), 0),
        End::Stopped { why, at } => (Ended::Stopped(why, at), FAILED),
    };
    let (context, rest) = first(context.bytes_mut());
    answer(
        call.cx,
        &Answer::Ran {
            end,
            duration,
            context,
        },
    )?;
    more(call.cx, rest)?;
    match status {
        0 => Ok(()),
        status => Err(Stop::Status(status)),
    }
}

/// How a run ends that was not let go on.
fn ended(call: &mut Call<'_, '_>, stop: Stop, limit_ms: Option<u64>) -> Stop {
    if stop != Stop::Status(TIMED_OUT) {
        return stop;
    }
    let ms = limit_ms.unwrap_or_default();
    match call.cx.failure(&Failure::TimedOut { ms }) {
        Ok(()) => stop,
        Err(stop) => stop,
    }
}

fn limit(call: &mut Call<'_, '_>) -> Result<Option<u64>, Stop> {
    match call.line.value(option::TIMEOUT) {
        None => Ok(Some(Limits::TIME_MS)),
        Some(word) => time_ms(word.bytes).map_err(|problem| call.misused(word.arg, problem)),
    }
}

/// The program's buffer.
fn context(call: &mut Call<'_, '_>) -> Result<Block, Stop> {
    let bytes = match (call.line.value(option::MEM), call.line.operand(call.cx, 1)) {
        (Some(word), None) => call.bytes(word)?,
        (None, None) => alloc::vec::Vec::new(),
        (None, Some(word)) if word.bytes == b"-" => call.input(None)?,
        (_, Some(word)) => return Err(call.misused(word.arg, UsageProblem::Extra)),
    };
    let Some(mut block) = Block::new(bytes.len()) else {
        return Err(call.trouble(call.word(0).arg, &Trouble::Memory));
    };
    block.bytes_mut().copy_from_slice(&bytes);
    Ok(block)
}

/// Sees to it that a run leaves the application its share of the core, and ends when it has to.
struct Turns<'t, 'c, 'a> {
    call: &'t mut Call<'c, 'a>,
    began_us: u64,
    /// When the turn began.
    since_us: u64,
    end_us: u64,
    /// Why the run is not let go on.
    stopped: Option<Stop>,
}

impl<'t, 'c, 'a> Turns<'t, 'c, 'a> {
    fn new(call: &'t mut Call<'c, 'a>, limit_ms: Option<u64>) -> Self {
        let began_us = call.cx.system().since_boot_us();
        let limit_us = limit_ms.map_or(u64::MAX, |ms| ms.saturating_mul(1000));
        Self {
            call,
            began_us,
            since_us: began_us,
            end_us: began_us.saturating_add(limit_us),
            stopped: None,
        }
    }

    /// Between two slices: whether the run may go on.
    fn next(&mut self) -> bool {
        let now = self.call.cx.system().since_boot_us();
        let ran = now.saturating_sub(self.since_us);
        let mut go_on = self.call.cx.check();
        if go_on.is_ok() && now >= self.end_us {
            go_on = Err(Stop::Status(TIMED_OUT));
        }
        if go_on.is_ok() && ran >= TURN_US {
            // So much that the application has the rest of 100 percent.
            let share = u64::from(Limits::CPU_SHARE);
            let rest_us = ran * (100 - share) / share;
            go_on = self.call.cx.sleep_ms(rest_us.div_ceil(1000));
            self.since_us = self.call.cx.system().since_boot_us();
        }
        self.stopped = go_on.err();
        self.stopped.is_none()
    }
}
