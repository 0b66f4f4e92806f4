//! The engine's shared state: plain data, changed under the lock, by methods of a few dozen
//! instructions that call nothing out.

use alloc::vec::Vec;

use uio_console::RequestId;
use uio_console::message::CloseReason;

use super::stdin::Stdin;
use crate::command::Command;
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
    slots: [Slot; SLOTS],
    workers: [Worker; EVENTS],
    /// Programs in memory.
    pub(crate) programs: Registry,
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
    /// Not yet given to a worker.
    queued: bool,
    /// The guest's own number of the request.
    pub(crate) number: u32,
    pub(crate) name: [u8; JOB_NAME],
    pub(crate) name_len: u8,
    pub(crate) command: Option<&'static Command>,
    /// The arguments, until the worker takes them.
    pub(crate) argv: Vec<u8>,
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
    pub(crate) const COST: u32 = 16;
}

impl Slot {
    const EMPTY: Self = Self {
        id: RequestId(0),
        generation: 0,
        credit: 0,
        interrupted: false,
        queued: false,
        number: 0,
        name: [0; JOB_NAME],
        name_len: 0,
        command: None,
        argv: Vec::new(),
        stdin: Stdin::NEW,
        worker: 0,
        task: 0,
    };

    /// The job's name: the last bytes of the argument that says what runs.
    pub(crate) fn set_name(&mut self, name: &[u8]) {
        let from = name.len().saturating_sub(JOB_NAME);
        let tail = name.get(from..).unwrap_or_default();
        for (to, byte) in self.name.iter_mut().zip(tail) {
            *to = *byte;
        }
        self.name_len = tail.len() as u8;
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
            slots: [const { Slot::EMPTY }; SLOTS],
            workers: [const {
                Worker {
                    phase: Phase::Absent,
                    buffer: Vec::new(),
                }
            }; EVENTS],
            programs: Registry::new(),
        }
    }

    // --- the session ---

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
        let mut next: Option<&Slot> = None;
        for (index, slot) in self.slots.iter().enumerate() {
            let open = self.taken & 1 << index != 0 && slot.number > number;
            if open && next.is_none_or(|next| slot.number < next.number) {
                next = Some(slot);
            }
        }
        next.map(|slot| Seen {
            number: slot.number,
            name: slot.name,
            name_len: slot.name_len,
            task: slot.task,
        })
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

    // --- requests and workers ---

    /// Opens a request for this session, unless all slots are taken (which [`Self::admit`] rules
    /// out), and chooses its worker.
    pub(crate) fn open(
        &mut self,
        id: RequestId,
        credit: u32,
        command: &'static Command,
        argv: &mut Vec<u8>,
        name: &[u8],
    ) -> Hand {
        let index = self.taken.trailing_ones() as usize;
        self.taken |= 1u16.checked_shl(index as u32).unwrap_or(0);
        self.number = self.number.wrapping_add(1);
        let (number, generation) = (self.number, self.generation);
        let hand = self.hand(index);
        let slot = self.slot(index);
        *slot = Slot {
            id,
            generation,
            credit,
            queued: hand == Hand::Queue,
            number,
            command: Some(command),
            argv: core::mem::take(argv),
            ..Slot::EMPTY
        };
        slot.set_name(name);
        if let Hand::Wake(worker) | Hand::Spawn(worker) = hand {
            slot.worker = worker as u8;
        }
        hand
    }

    /// Chooses who runs the request in this slot: a parked worker, one that is about to have
    /// nothing to do, or a new one.
    fn hand(&mut self, slot: usize) -> Hand {
        let mut free = 0;
        for slot in &self.slots {
            free -= i32::from(slot.queued);
        }
        let mut hand = Hand::Queue;
        for (index, worker) in self.workers.iter().take(WORKERS).enumerate() {
            match worker.phase {
                Phase::Parked => {
                    hand = Hand::Wake(index);
                    break;
                }
                Phase::Absent if hand == Hand::Queue => hand = Hand::Spawn(index),
                Phase::Ending => free += 1,
                _ => {}
            }
        }
        match hand {
            Hand::Spawn(_) if free > 0 => return Hand::Queue,
            Hand::Wake(index) | Hand::Spawn(index) => {
                self.worker(index).phase = Phase::Working(slot as u8);
            }
            Hand::Queue => {}
        }
        hand
    }

    /// Closes the request that worker `index` runs, or was to run; returns its memory, to be
    /// dropped without the lock.
    pub(crate) fn release(&mut self, index: usize, next: Phase) -> (Vec<u8>, Vec<u8>) {
        let Phase::Working(slot) = core::mem::replace(&mut self.worker(index).phase, next) else {
            return Default::default();
        };
        let index = usize::from(slot);
        self.taken &= !(1u16.checked_shl(index as u32).unwrap_or(0));
        let slot = self.slot(index);
        (
            core::mem::take(&mut slot.argv),
            core::mem::take(&mut slot.stdin.ring),
        )
    }

    fn worker(&mut self, index: usize) -> &mut Worker {
        &mut self.workers[index % EVENTS]
    }

    /// What worker `index` is to do.
    pub(crate) fn phase(&mut self, index: usize) -> Phase {
        self.worker(index).phase
    }

    /// Worker `index` has ended its request: gives it the next, parks it or lets it end. Also
    /// returns its buffer to be dropped without the lock when it is a large one or the worker ends.
    pub(crate) fn finished(&mut self, index: usize) -> (Phase, Vec<u8>) {
        let taken = self.taken;
        let queued = self
            .slots
            .iter_mut()
            .enumerate()
            .find(|(slot, state)| taken & 1 << slot != 0 && state.queued);
        let phase = match queued {
            Some((slot, state)) => {
                state.queued = false;
                state.worker = index as u8;
                Phase::Working(slot as u8)
            }
            None => {
                let parked = |worker: &&Worker| worker.phase == Phase::Parked;
                match self.workers.iter().filter(parked).count() < super::PARKED_WORKERS {
                    true => Phase::Parked,
                    false => Phase::Absent,
                }
            }
        };
        let worker = self.worker(index);
        worker.phase = phase;
        let large = worker.buffer.len() > super::output::SMALL;
        match large || phase == Phase::Absent {
            true => (phase, core::mem::take(&mut worker.buffer)),
            false => (phase, Vec::new()),
        }
    }

    /// What worker `index`, which was parked, is to do: end, if it was `long` and it still is. Also
    /// its buffer, if it ends, to be dropped without the lock.
    pub(crate) fn rested(&mut self, index: usize, long: bool) -> (Phase, Vec<u8>) {
        let worker = self.worker(index);
        if worker.phase != Phase::Parked || !long {
            return (worker.phase, Vec::new());
        }
        worker.phase = Phase::Absent;
        (Phase::Absent, core::mem::take(&mut worker.buffer))
    }

    /// The slot of the request that worker `index` runs.
    pub(crate) fn slot_of(&mut self, index: usize) -> Option<usize> {
        match self.worker(index).phase {
            Phase::Working(slot) => Some(usize::from(slot)),
            _ => None,
        }
    }

    /// The state of the request that worker `index` runs, unless its session has ended.
    #[inline(never)]
    pub(crate) fn current(&mut self, index: usize) -> Option<&mut Slot> {
        let generation = self.generation;
        let slot = self.slot_of(index)?;
        let slot = self.slot(slot);
        (slot.generation == generation).then_some(slot)
    }

    /// Takes the buffer of worker `index`.
    pub(crate) fn take_buffer(&mut self, index: usize) -> Vec<u8> {
        core::mem::take(&mut self.worker(index).buffer)
    }

    /// Gives a buffer back to worker `index`; leaves what it had, to be dropped without the lock.
    pub(crate) fn swap_buffer(&mut self, index: usize, buffer: &mut Vec<u8>) {
        core::mem::swap(&mut self.worker(index).buffer, buffer);
    }

    /// Bytes that were allocated for requests and workers.
    pub(crate) fn allocated(&self) -> usize {
        let slots = self.slots.iter();
        let slots = slots.map(|slot| slot.argv.capacity() + slot.stdin.ring.capacity());
        let workers = self.workers.iter().map(|worker| worker.buffer.capacity());
        slots.chain(workers).sum()
    }

    // --- sending ---

    /// Asks to send a frame of the request that worker `index` runs, for `cost` of its credit.
    pub(crate) fn begin(&mut self, index: usize, cost: u32, even_interrupted: bool) -> Permit {
        let held = self.held();
        let Some(slot) = self.current(index) else {
            return Permit::Gone;
        };
        if slot.interrupted && !even_interrupted {
            return Permit::Interrupted;
        }
        if held {
            return Permit::Later;
        }
        if slot.credit < cost {
            return Permit::Credit;
        }
        slot.credit -= cost;
        self.in_flight += 1;
        Permit::Go
    }

    /// Asks to send the last frame of a request of session `generation`.
    pub(crate) fn begin_exit(&mut self, generation: u32) -> Permit {
        if generation != self.generation {
            return Permit::Gone;
        }
        if self.held() {
            return Permit::Later;
        }
        self.in_flight += 1;
        Permit::Go
    }

    /// Whether the session's first (or last) frame is still to be sent.
    fn held(&self) -> bool {
        self.control.is_some() || self.busy == Busy::Control
    }

    /// The frame was sent, or there was no room and `refund` goes back to the request of worker
    /// `index`. Returns whether the caller is to send the session's waiting frame now.
    pub(crate) fn end(&mut self, index: usize, refund: u32) -> bool {
        self.in_flight = self.in_flight.saturating_sub(1);
        if refund != 0
            && let Some(slot) = self.current(index)
        {
            slot.credit = slot.credit.saturating_add(refund);
        }
        self.in_flight == 0 && self.control.is_some()
    }

    fn endings(&self) -> &[Ending] {
        self.outbox
            .get(..usize::from(self.outbox_len))
            .unwrap_or_default()
    }

    /// Keeps the end of a request until it can be sent; false when too many wait already.
    pub(crate) fn push_ending(&mut self, ending: Ending) -> bool {
        let Some(place) = self.outbox.get_mut(usize::from(self.outbox_len)) else {
            return false;
        };
        *place = ending;
        self.outbox_len += 1;
        true
    }

    /// What is to be sent now. Anything but `None` and `Busy` must be followed by
    /// [`Self::duty_done`].
    pub(crate) fn duty(&mut self) -> Duty {
        let duty = match (self.control, self.endings().first()) {
            (None, None) => return Duty::None,
            _ if self.busy != Busy::Not => return Duty::Busy,
            (Some(_), _) if self.in_flight != 0 => return Duty::Busy,
            (Some(control), _) => Duty::Control(control),
            (None, Some(&ending)) => Duty::Ending(ending),
        };
        self.busy = match duty {
            Duty::Control(_) => Busy::Control,
            _ => Busy::Ending,
        };
        if self.busy == Busy::Control {
            self.control = None;
        }
        duty
    }

    /// `duty` was done, or had no room, as of session `generation`; an ending may have been sent
    /// in part. Returns the workers to wake.
    pub(crate) fn duty_done(&mut self, duty: Duty, generation: u32, sent: bool) -> u32 {
        self.busy = Busy::Not;
        let stale = generation != self.generation;
        match duty {
            Duty::Control(control) if !sent && !stale => self.control = Some(control),
            Duty::Control(_) if sent => return self.working(),
            Duty::Ending(ending) if !stale => {
                if sent {
                    let len = usize::from(self.outbox_len);
                    if let Some(waiting) = self.outbox.get_mut(..len) {
                        waiting.rotate_left(1);
                    }
                    self.outbox_len = self.outbox_len.saturating_sub(1);
                } else if let Some(first) = self.outbox.first_mut() {
                    *first = ending;
                }
            }
            _ => {}
        }
        0
    }

    /// The control worker is needed: whether it has to be spawned.
    pub(crate) fn call_control(&mut self) -> bool {
        let worker = self.worker(CONTROL);
        let absent = worker.phase == Phase::Absent;
        worker.phase = Phase::Ending;
        absent
    }

    /// The control worker could not be spawned.
    pub(crate) fn lose_control(&mut self) {
        self.worker(CONTROL).phase = Phase::Absent;
    }

    /// Whether the control worker may end.
    pub(crate) fn rest_control(&mut self) -> bool {
        let idle = self.control.is_none() && self.outbox_len == 0;
        if idle {
            self.worker(CONTROL).phase = Phase::Absent;
        }
        idle
    }
}
