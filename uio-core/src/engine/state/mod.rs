//! The engine's shared state: plain data, changed under the lock, by methods of a few dozen
//! instructions that call nothing out.

use alloc::vec::Vec;

use uio_console::argv::Argv;
use uio_console::message::CloseReason;
use uio_console::record::{Bounds, JobState};
use uio_console::{Policy, RequestId, Terms};

mod requests;
mod sending;

use super::stdin::Stdin;
use crate::command::{Command, buffer};
use crate::files;
use crate::platform::EVENTS;
use crate::program::registry::Registry;

/// Requests that may be open at once.
pub(crate) const SLOTS: usize = 16;
/// Workers that run commands.
pub(crate) const WORKERS: usize = EVENTS - 1;
/// The worker that sends what the overlay task found no room for.
pub(crate) const CONTROL: usize = WORKERS;
/// Endings that may wait for room at once; see [`State::push_ending`].
const OUTBOX: usize = 32;
/// The longest name of a job.
pub(crate) const JOB_NAME: usize = 32;

pub(crate) struct State {
    /// Counts sessions, closed ones included. What was begun in an earlier one is stale.
    pub(crate) generation: u32,
    /// A frame that opens or closes the session and is still to be sent.
    control: Option<Control>,
    /// What somebody sends now besides the requests' own frames.
    busy: Busy,
    /// Tasks between [`State::begin`] and [`State::end`].
    in_flight: u8,
    outbox: [Ending; OUTBOX],
    outbox_len: u8,
    /// Number of the last job.
    number: u32,
    /// Bit `n`: slot `n` is taken.
    taken: u16,
    /// Bit `n`: the request in slot `n` was not yet given to a worker.
    queued: u16,
    /// Bit `n`: worker `n` is parked.
    parked: u32,
    slots: [Slot; SLOTS],
    workers: [Worker; EVENTS],
    /// Programs in memory.
    pub(crate) programs: Registry,
    /// eBPF programs in memory.
    #[cfg(feature = "bpf")]
    pub(crate) bpf: crate::bpf::Kept,
}

/// What is being sent besides the requests' own frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Busy {
    Not,
    Control,
    Ending,
}

/// A frame about the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    Hello,
    Closed(CloseReason),
}

/// The end of a request that has no slot (any more): why it was refused, and its exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) id: RequestId,
    pub(crate) refusal: Refusal,
    pub(crate) status: i32,
}

/// Why a request was refused before it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It was not, or the host has heard of it.
    None,
    UnknownCommand,
    NoArguments,
    TooManyArguments,
    ArgumentTooLong(u8),
    Busy,
    NoMemory,
}

/// An open request.
pub(crate) struct Slot {
    pub(crate) id: RequestId,
    pub(crate) generation: u32,
    /// Payload bytes that may be sent.
    pub(crate) credit: u32,
    pub(crate) interrupted: bool,
    pub(crate) terms: Terms,
    /// When it came, in microseconds since boot.
    since_us: u64,
    /// Within what bounds its program runs.
    pub(crate) bounds: Option<Bounds>,
    /// The guest's own number of the request.
    pub(crate) number: u32,
    pub(crate) name: [u8; JOB_NAME],
    pub(crate) name_len: u8,
    pub(crate) command: Option<&'static Command>,
    /// The arguments.
    pub(crate) line: Line,
    pub(crate) stdin: Stdin,
    /// The worker that runs it.
    pub(crate) worker: u8,
    pub(crate) task: i32,
}

/// What is told of an open request.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) number: u32,
    pub(crate) name: [u8; JOB_NAME],
    pub(crate) name_len: u8,
    pub(crate) task: i32,
    pub(crate) state: JobState,
    pub(crate) since_us: u64,
    pub(crate) bounds: Option<Bounds>,
}

/// A request that is to be opened.
pub(crate) struct Opening<'a> {
    pub(crate) id: RequestId,
    pub(crate) credit: u32,
    pub(crate) terms: Terms,
    pub(crate) since_us: u64,
    pub(crate) command: &'static Command,
    pub(crate) argv: Argv<'a>,
    pub(crate) name: &'a [u8],
}

/// The longest command line that takes no memory of its own, in bytes.
const SHORT: usize = 48;

/// The arguments of a request.
pub(crate) struct Line {
    /// Those that are not short; until the worker takes them.
    long: Vec<u8>,
    short: [u8; SHORT],
    /// Bytes of a short line.
    len: u8,
    /// What is known of the arguments.
    argv: Argv<'static>,
}

struct Worker {
    phase: Phase,
    /// What this worker encodes frames in; empty while it sends.
    buffer: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Phase {
    /// There is no such task.
    #[default]
    Absent,
    /// Waits for a request.
    Parked,
    /// Runs the request in this slot.
    Working(u8),
    /// Sends what is left to send; the slot is free again.
    Ending,
}

/// Whether a frame may be sent now. `Go` must be followed by [`State::end`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Permit {
    Go,
    /// After the session's first frame, which is still to be sent.
    Later,
    /// When the host gave more credit.
    Credit,
    /// Not at all: the request was interrupted.
    Interrupted,
    /// Not at all: the session has ended.
    #[default]
    Gone,
}

/// What becomes of a new request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Admission {
    /// There is room for it; an inline command may run and send at once.
    Now,
    /// There is room for it, but the session's first frame has yet to be sent.
    Queue,
    /// As many requests are open as there may be.
    #[default]
    Full,
    /// Its identifier is in use.
    Duplicate,
}

/// Who is to run a request that was put in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Hand {
    /// This worker, which is parked.
    Wake(usize),
    /// This worker, which has to be spawned.
    Spawn(usize),
    /// The first worker that has ended its request.
    #[default]
    Queue,
}

/// What the sender of control frames and endings has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Duty {
    Control(Control),
    Ending(Ending),
    /// Somebody else is at it, or others are still sending for the session that ends.
    Busy,
    #[default]
    None,
}

impl Refusal {
    /// A refusal is sent if the request came with this much credit; it never costs more.
    pub(crate) const COST: u32 = uio_console::cost(16);
}

impl Default for Line {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl Line {
    const EMPTY: Self = Self {
        long: Vec::new(),
        short: [0; SHORT],
        len: 0,
        argv: Argv::NONE,
    };

    /// Memory for arguments of this length, to be had without the lock; empty for a short line.
    ///
    /// # Errors
    /// `ENOMEM`
    pub(crate) fn memory(argv: Argv<'_>) -> Result<Vec<u8>, files::Error> {
        let bytes = argv.as_bytes();
        if bytes.len() <= SHORT {
            return Ok(Vec::new());
        }
        let mut long = buffer(bytes.len())?;
        long.copy_from_slice(bytes);
        Ok(long)
    }

    /// Takes the arguments: a copy of them in `long` unless they are short.
    fn set(&mut self, argv: Argv<'_>, long: &mut Vec<u8>) {
        let bytes = argv.as_bytes();
        self.argv = argv.moved(&[]);
        self.long = core::mem::take(long);
        if let Some(place) = self.short.get_mut(..bytes.len()) {
            place.copy_from_slice(bytes);
            self.len = bytes.len() as u8;
        }
    }

    /// The arguments, for the worker.
    pub(crate) fn take(&mut self) -> Self {
        Self {
            long: core::mem::take(&mut self.long),
            ..*self
        }
    }

    /// The arguments.
    pub(crate) fn argv(&self) -> Argv<'_> {
        let bytes = match &*self.long {
            [] => self.short.get(..usize::from(self.len)).unwrap_or_default(),
            long => long,
        };
        self.argv.moved(bytes)
    }

    /// Takes the memory, to be dropped without the lock.
    fn drain(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.long)
    }

    fn allocated(&self) -> usize {
        self.long.capacity()
    }
}

impl Slot {
    const EMPTY: Self = Self {
        id: RequestId(0),
        generation: 0,
        credit: 0,
        interrupted: false,
        terms: Terms {
            policy: Policy::Observe,
            announce: false,
            fresh: None,
        },
        since_us: 0,
        bounds: None,
        number: 0,
        name: [0; JOB_NAME],
        name_len: 0,
        command: None,
        line: Line::EMPTY,
        stdin: Stdin::NEW,
        worker: 0,
        task: 0,
    };

    /// What is told of it.
    pub(crate) fn seen(&self, queued: bool) -> Seen {
        Seen {
            number: self.number,
            name: self.name,
            name_len: self.name_len,
            task: self.task,
            state: match (queued, self.interrupted) {
                (_, true) => JobState::Ending,
                (true, false) => JobState::Queued,
                (false, false) => JobState::Running,
            },
            since_us: self.since_us,
            bounds: self.bounds,
        }
    }

    /// The job's name: the last bytes of the argument that says what runs.
    pub(crate) fn set_name(&mut self, name: &[u8]) {
        let from = name.len().saturating_sub(JOB_NAME);
        let tail = name.get(from..).unwrap_or_default();
        if let Some(place) = self.name.get_mut(..tail.len()) {
            place.copy_from_slice(tail);
            self.name_len = tail.len() as u8;
        }
    }
}

impl State {
    pub(crate) const fn new() -> Self {
        const ENDING: Ending = Ending {
            id: RequestId(0),
            refusal: Refusal::None,
            status: 0,
        };
        Self {
            generation: 0,
            control: None,
            busy: Busy::Not,
            in_flight: 0,
            outbox: [ENDING; OUTBOX],
            outbox_len: 0,
            number: 0,
            taken: 0,
            queued: 0,
            parked: 0,
            slots: [const { Slot::EMPTY }; SLOTS],
            workers: [const {
                Worker {
                    phase: Phase::Absent,
                    buffer: Vec::new(),
                }
            }; EVENTS],
            programs: Registry::new(),
            #[cfg(feature = "bpf")]
            bpf: crate::bpf::Kept::new(),
        }
    }

    /// Ends the session and has `control` sent; returns the workers to wake, a bit each.
    pub(crate) fn reset(&mut self, control: Control) -> u32 {
        self.generation = self.generation.wrapping_add(1);
        self.control = Some(control);
        self.outbox_len = 0;
        for slot in &mut self.slots {
            slot.interrupted = true;
        }
        self.working()
    }

    /// The workers that run a request, a bit each.
    fn working(&self) -> u32 {
        let mut mask = 0;
        for (index, worker) in self.workers.iter().enumerate() {
            mask |= u32::from(matches!(worker.phase, Phase::Working(_) | Phase::Ending)) << index;
        }
        mask
    }

    /// Whether a new request of this session may begin.
    pub(crate) fn admit(&self, id: RequestId) -> Admission {
        if self.find(id).is_some() || self.endings().iter().any(|ending| ending.id == id) {
            Admission::Duplicate
        } else if self.taken == u16::MAX {
            Admission::Full
        } else if self.held() {
            Admission::Queue
        } else {
            Admission::Now
        }
    }

    /// The slot of this session's request `id`.
    pub(crate) fn find(&self, id: RequestId) -> Option<usize> {
        let mut left = self.taken;
        while left != 0 {
            let index = left.trailing_zeros() as usize;
            left &= left - 1;
            let slot = self.slots.get(index)?;
            if slot.id == id && slot.generation == self.generation {
                return Some(index);
            }
        }
        None
    }

    /// The open request with the next higher number.
    pub(crate) fn job_after(&self, number: u32) -> Option<Seen> {
        let mut next: Option<(usize, &Slot)> = None;
        for (index, slot) in self.slots.iter().enumerate() {
            let open = self.taken & 1 << index != 0 && slot.number > number;
            if open && next.is_none_or(|(_, next)| slot.number < next.number) {
                next = Some((index, slot));
            }
        }
        next.map(|(index, slot)| slot.seen(self.queued & 1 << index != 0))
    }

    /// Interrupts job `number`; returns the worker to wake.
    pub(crate) fn interrupt_job(&mut self, number: u32) -> Option<u8> {
        let taken = self.taken;
        let (_, slot) = self
            .slots
            .iter_mut()
            .enumerate()
            .find(|(index, slot)| taken & 1 << index != 0 && slot.number == number)?;
        slot.interrupted = true;
        Some(slot.worker)
    }

    /// The slot of that index.
    pub(crate) fn slot(&mut self, index: usize) -> &mut Slot {
        &mut self.slots[index % SLOTS]
    }
}
