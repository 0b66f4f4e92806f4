//! What a command is, and what it sees of its request.

pub(crate) mod batch;
mod each;
mod number;
mod options;
mod path;
pub(crate) mod transfer;

use alloc::vec::Vec;

use uio_console::argv::Argv;
use uio_console::record::{self, Failure, NO_ARG, Record, UsageProblem};
use uio_console::wire::variant;
use uio_console::{Fresh, Policy, RequestId, Terms};

use crate::engine::{Core, Job, Seen, System, inline};
use crate::files::{self, Files, Open};
use crate::isolation::Isolation;

pub(crate) use each::{Call, Trouble};
pub(crate) use number::number;
pub(crate) use options::{Flags, Options};
pub(crate) use path::{absolute, join, last_component};

/// A command of the guest. Each lives in a file of its own below `commands`.
pub struct Command {
    /// What it is called; the name of its module.
    pub name: &'static str,
    /// Where it runs.
    pub kind: Kind,
    /// Runs it. Returns its exit status.
    pub run: fn(&mut Context<'_>) -> Outcome,
}

/// Where a command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// On the overlay task, which it must not block: bounded work, at most one small record or
    /// failure, and nothing changes if it is run twice (it is run again on a worker when its
    /// answer found no room or no credit).
    Inline,
    /// On a worker: may wait for files, credit, input and time.
    Worker,
}

/// The exit status of a command, or why it stopped early.
pub type Outcome = Result<i32, Stop>;

/// Why a command cannot go on. Commands pass it up with `?`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The host interrupted the request, or its session has ended.
    Interrupted,
    /// An inline command's answer has to wait: the command is run again on a worker.
    Later,
    /// The command has said what is wrong and ends with this status.
    Status(i32),
}

/// Bytes of a file or of memory that one record shows.
pub(crate) const PIECE: usize = 2048;

/// Exit status of a command that failed.
pub const FAILED: i32 = 1;
/// Exit status of a command that was called wrongly.
pub const USAGE: i32 = 2;
/// Exit status of an interrupted command: 128 + SIGINT.
pub const INTERRUPTED: i32 = 130;

/// A request as its command sees it.
pub struct Context<'a> {
    core: &'a dyn Core,
    argv: Argv<'a>,
    terms: Terms,
    place: Place<'a>,
}

pub(crate) enum Place<'a> {
    /// On the overlay task; answers are encoded in `out`.
    Inline {
        id: RequestId,
        credit: u32,
        out: &'a mut [u8],
    },
    /// On this worker.
    Worker(usize),
}

impl<'a> Context<'a> {
    pub(crate) fn new(core: &'a dyn Core, argv: Argv<'a>, terms: Terms, place: Place<'a>) -> Self {
        Self {
            core,
            argv,
            terms,
            place,
        }
    }

    /// The arguments, the command's name first.
    #[must_use]
    pub fn argv(&self) -> Argv<'a> {
        self.argv
    }

    /// The argument of that index; 0 is the command's name.
    #[must_use]
    #[inline(never)]
    pub fn arg(&self, index: usize) -> Option<&'a [u8]> {
        self.argv.get(index)
    }

    /// Tasks, clock, memory, log.
    #[must_use]
    pub fn system(&self) -> &'a dyn System {
        self.core.system()
    }

    /// The VFS.
    #[must_use]
    pub fn files(&self) -> &'static dyn Files {
        self.core.files()
    }

    /// Where programs run.
    #[must_use]
    pub fn isolation(&self) -> &'static dyn Isolation {
        self.core.isolation()
    }

    /// What the file that the request runs is like, as far as its host knows.
    #[must_use]
    pub fn fresh(&self) -> Option<Fresh> {
        self.terms.fresh
    }

    /// What programs of this request may do: what the machine's policy and the session's allow.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.isolation().policy().min(self.terms.policy)
    }

    pub(crate) fn core(&self) -> &'a dyn Core {
        self.core
    }

    /// The number of the worker that runs the command; `None` on the overlay task.
    #[must_use]
    pub fn worker(&self) -> Option<usize> {
        match self.place {
            Place::Worker(worker) => Some(worker),
            Place::Inline { .. } => None,
        }
    }

    /// Answers with a record. Waits for credit and room.
    ///
    /// # Errors
    /// [`Stop`]
    #[inline(never)]
    pub fn record(&mut self, record: &Record<'_>) -> Result<(), Stop> {
        match &mut self.place {
            Place::Worker(worker) => Job::new(self.core, *worker).record(record),
            Place::Inline { id, credit, out } => {
                inline(self.core, (variant::RECORD, *id), record, credit, out)
            }
        }
    }

    /// Answers with what is told of an open request.
    ///
    /// # Errors
    /// [`Stop`]
    #[inline(never)]
    pub(crate) fn job_record(&mut self, seen: &Seen) -> Result<(), Stop> {
        let age_us = self.system().since_boot_us().saturating_sub(seen.since_us);
        let name = seen.name.get(..usize::from(seen.name_len));
        self.record(&Record::Job(record::Job {
            number: seen.number,
            name: name.unwrap_or_default(),
            task: seen.task,
            state: seen.state,
            age_ms: age_us / 1000,
            bounds: seen.bounds,
        }))
    }

    /// Says why (a part of) the request failed. Waits for credit and room.
    ///
    /// # Errors
    /// [`Stop`]
    #[inline(never)]
    pub fn failure(&mut self, failure: &Failure<'_>) -> Result<(), Stop> {
        match &mut self.place {
            Place::Worker(worker) => Job::new(self.core, *worker).failure(failure),
            Place::Inline { id, credit, out } => {
                inline(self.core, (variant::FAILURE, *id), failure, credit, out)
            }
        }
    }

    /// Says that the operation on argument `arg` (or [`NO_ARG`]) failed.
    ///
    /// # Errors
    /// [`Stop`]
    #[inline(never)]
    pub fn file_failure(&mut self, arg: u8, error: files::Error) -> Result<(), Stop> {
        self.failure(&match error {
            files::Error::Os(errno) => Failure::Os { arg, errno },
            files::Error::NoShare => Failure::NoShare { arg },
        })
    }

    /// Says what is wrong with the command line; gives the exit status for it.
    ///
    /// # Errors
    /// [`Stop`]
    #[inline(never)]
    pub fn usage(&mut self, arg: u8, problem: UsageProblem) -> Outcome {
        self.failure(&Failure::Usage { arg, problem })?;
        Ok(USAGE)
    }

    /// As [`Self::usage`], as the end of the command.
    pub(crate) fn misused(&mut self, arg: u8, problem: UsageProblem) -> Stop {
        match self.usage(arg, problem) {
            Ok(status) => Stop::Status(status),
            Err(stop) => stop,
        }
    }

    /// Refuses options and operands.
    ///
    /// # Errors
    /// [`Stop`]
    pub(crate) fn no_operands(&mut self) -> Result<(), Stop> {
        match self.argv.len() {
            1 => Ok(()),
            _ => self.options(b"", 0, 0).map(|_| ()),
        }
    }

    /// Says that there is no memory for `bytes`; gives the exit status for it.
    ///
    /// # Errors
    /// [`Stop`]
    #[inline(never)]
    pub fn no_memory(&mut self, bytes: u64) -> Outcome {
        self.failure(&Failure::NoMemory { bytes })?;
        Ok(FAILED)
    }

    /// Writes to the request's standard output. Waits for credit and room.
    ///
    /// # Errors
    /// [`Stop`]
    #[inline(never)]
    pub fn stdout(&mut self, data: &[u8]) -> Result<(), Stop> {
        self.job()?.write_all(1, data)
    }

    /// Reads from the request's standard input; 0 at its end. Waits for the host.
    ///
    /// # Errors
    /// [`Stop`]
    pub fn stdin(&mut self, out: &mut [u8]) -> Result<usize, Stop> {
        self.job()?.read_some(out)
    }

    /// Sleeps, unless interrupted.
    ///
    /// # Errors
    /// [`Stop`]
    pub fn sleep_ms(&mut self, ms: u64) -> Result<(), Stop> {
        self.job()?.sleep(ms)
    }

    /// Interrupts job `number`, as the host does with a request; false when there is none.
    pub(crate) fn interrupt_job(&self, number: u32) -> bool {
        crate::engine::interrupt_job(self.core, number)
    }

    /// Asks whether the request was interrupted, to be asked in long loops that send nothing.
    ///
    /// # Errors
    /// [`Stop`]
    #[inline(never)]
    pub fn check(&self) -> Result<(), Stop> {
        match self.place {
            Place::Worker(worker) if Job::new(self.core, worker).interrupted() => {
                Err(Stop::Interrupted)
            }
            _ => Ok(()),
        }
    }

    /// What only works on a worker; an inline command that asks for it is moved to one.
    pub(crate) fn job(&self) -> Result<Job<'a>, Stop> {
        match self.place {
            Place::Worker(worker) => Ok(Job::new(self.core, worker)),
            Place::Inline { .. } => Err(Stop::Later),
        }
    }
}

/// The index of an argument as failures give it.
#[must_use]
pub fn arg_index(index: usize) -> u8 {
    u8::try_from(index).unwrap_or(NO_ARG)
}

/// How to open a file to read it.
pub(crate) const READ: Open = Open {
    read: true,
    write: false,
    create: None,
    exclusive: false,
    truncate: false,
};

/// Bytes of the first read of a file; most files are not longer.
pub(crate) const FIRST_READ: usize = 4096;

/// `ENOMEM` of Linux: out of memory.
const ENOMEM: i32 = 12;

/// A zeroed buffer.
///
/// # Errors
/// `ENOMEM`
#[inline(never)]
pub(crate) fn buffer(len: usize) -> Result<Vec<u8>, files::Error> {
    let mut bytes = Vec::new();
    if bytes.try_reserve_exact(len).is_err() {
        return Err(files::Error::Os(ENOMEM));
    }
    bytes.resize(len, 0);
    Ok(bytes)
}

/// A buffer for copying, as large as memory allows: 64, 16 or 4 KiB.
///
/// # Errors
/// `ENOMEM`
pub(crate) fn copy_buffer() -> Result<Vec<u8>, files::Error> {
    buffer(64 << 10)
        .or_else(|_| buffer(16 << 10))
        .or_else(|_| buffer(4 << 10))
}
