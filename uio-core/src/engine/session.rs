//! What the host sends: bytes to frames, frames to messages, messages to actions. Runs on the
//! overlay task and never blocks.

use alloc::vec::Vec;

use uio_console::argv::{Argv, ArgvError, program_of};
use uio_console::frame::Deframer;
use uio_console::message::CloseReason;
use uio_console::wire::{self, variant};
use uio_console::{Error, PROTOCOL_VERSION, RequestId, Terms, ToGuest};

use super::state::{Admission, Control, Ending, Hand, Line, Opening, Phase, Refusal};
use super::{Core, control, locked, stdin, worker};
use crate::command::{Command, Context, FAILED, Kind, Place, Stop, USAGE};
use crate::commands;
use crate::platform::Event;

/// The longest answer of an inline command; a longer one is given by a worker.
const INLINE_ANSWER: usize = 512;

/// Exit status for a command that does not exist.
const UNKNOWN_COMMAND: i32 = 127;

/// What the overlay task keeps between two calls of [`super::Engine::receive`].
pub struct Receiver {
    deframer: Deframer,
    desk: Desk,
}

struct Desk {
    phase: Session,
    out: [u8; INLINE_ANSWER],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Session {
    /// No host has said anything yet.
    Fresh,
    Open,
    /// Nothing but a `Hello` is answered.
    Closed,
}

impl Receiver {
    /// A receiver at the start of the stream.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            deframer: Deframer::new(),
            desk: Desk {
                phase: Session::Fresh,
                out: [0; INLINE_ANSWER],
            },
        }
    }
}

impl Default for Receiver {
    fn default() -> Self {
        Self::new()
    }
}

/// See [`super::Engine::receive`].
pub(crate) fn receive(core: &dyn Core, receiver: &mut Receiver, bytes: &[u8]) {
    let Receiver { deframer, desk } = receiver;
    let mut rest = bytes;
    while !rest.is_empty() {
        let (used, item) = deframer.next(rest);
        rest = rest.get(used..).unwrap_or_default();
        let message = match item {
            None => continue,
            Some(payload) => payload.and_then(wire::read),
        };
        match message {
            Ok(message) => act(core, desk, &message),
            Err(Error::Oversized) => close(core, desk, CloseReason::Oversized),
            Err(_) => close(core, desk, CloseReason::Malformed),
        }
    }
}

fn act(core: &dyn Core, desk: &mut Desk, message: &ToGuest<'_>) {
    if let ToGuest::Hello { version } = *message {
        return hello(core, desk, version);
    }
    match desk.phase {
        Session::Open => {}
        Session::Fresh => return close(core, desk, CloseReason::NoHello),
        Session::Closed => return,
    }
    match *message {
        ToGuest::Hello { .. } => {}
        ToGuest::Exec {
            id,
            credit,
            terms,
            argv,
        } => exec(core, desk, Asked { id, credit, terms }, argv),
        ToGuest::Stdin { id, data } => input(core, desk, id, data),
        ToGuest::StdinEnd { id } => end_input(core, id),
        ToGuest::Credit { id, bytes } => {
            let worker = locked(core, |state| {
                let slot = state.find(id)?;
                let slot = state.slot(slot);
                slot.credit = slot.credit.saturating_add(bytes);
                Some(slot.worker)
            });
            wake(core, worker);
        }
        ToGuest::Interrupt { id } => {
            let worker = locked(core, |state| {
                let slot = state.find(id)?;
                let slot = state.slot(slot);
                slot.interrupted = true;
                Some(slot.worker)
            });
            worker::interrupt(core, worker.map_or(0, |worker| 1 << worker));
        }
    }
}

fn wake(core: &dyn Core, worker: Option<u8>) {
    if let Some(worker) = worker {
        core.system().wake(Event(worker));
    }
}

fn hello(core: &dyn Core, desk: &mut Desk, version: u16) {
    // Even a closed session hears that the version is wrong.
    desk.phase = Session::Open;
    if version != PROTOCOL_VERSION {
        return close(core, desk, CloseReason::Version(PROTOCOL_VERSION));
    }
    reset(core, Control::Hello);
}

fn close(core: &dyn Core, desk: &mut Desk, reason: CloseReason) {
    if desk.phase != Session::Closed {
        desk.phase = Session::Closed;
        reset(core, Control::Closed(reason));
    }
}

fn reset(core: &dyn Core, control: Control) {
    let workers = locked(core, |state| state.reset(control));
    worker::interrupt(core, workers);
    control::pump(core);
}

/// What a request is before it has a slot.
#[derive(Clone, Copy)]
struct Asked {
    id: RequestId,
    credit: u32,
    terms: Terms,
}

fn exec(core: &dyn Core, desk: &mut Desk, asked: Asked, argv: &[u8]) {
    let (argv, command) = match look_up(argv) {
        Ok(found) => found,
        Err((refusal, status)) => return refuse(core, desk, asked, refusal, status),
    };
    match locked(core, |state| state.admit(asked.id)) {
        Admission::Duplicate => close(core, desk, CloseReason::DuplicateId),
        Admission::Full => refuse(core, desk, asked, Refusal::Busy, FAILED),
        // What is announced has a slot, and so a number.
        Admission::Now if command.kind == Kind::Inline && !asked.terms.announce => {
            if !run_inline(core, desk, asked, command, argv) {
                queue(core, desk, asked, command, argv);
            }
        }
        Admission::Now | Admission::Queue => queue(core, desk, asked, command, argv),
    }
}

fn look_up(argv: &[u8]) -> Result<(Argv<'_>, &'static Command), (Refusal, i32)> {
    let argv = Argv::new(argv).map_err(|error| {
        let refusal = match error {
            ArgvError::Empty | ArgvError::Open => Refusal::NoArguments,
            ArgvError::TooMany => Refusal::TooManyArguments,
            ArgvError::TooLong(arg) => Refusal::ArgumentTooLong(arg),
        };
        (refusal, USAGE)
    })?;
    match commands::find(argv.name()) {
        Some(command) => Ok((argv, command)),
        None => Err((Refusal::UnknownCommand, UNKNOWN_COMMAND)),
    }
}

/// Runs an inline command; false when a worker has to run it after all.
fn run_inline(
    core: &dyn Core,
    desk: &mut Desk,
    asked: Asked,
    command: &Command,
    argv: Argv<'_>,
) -> bool {
    let Asked { id, credit, terms } = asked;
    let out = &mut desk.out;
    let place = Place::Inline { id, credit, out };
    match (command.run)(&mut Context::new(core, argv, terms, place)) {
        Err(Stop::Later) => return false,
        Err(Stop::Interrupted) => end(core, desk, id, Refusal::None, FAILED),
        Ok(status) | Err(Stop::Status(status)) => {
            let exit = wire::write(variant::EXIT, Some(id), &status, &mut desk.out);
            let payload = desk.out.get(..exit.unwrap_or(0)).unwrap_or_default();
            if !core.channel().try_send(payload) {
                end(core, desk, id, Refusal::None, status);
            }
        }
    }
    true
}

/// Refuses a request. Nothing waits for credit here: without it the exit status alone is sent.
fn refuse(core: &dyn Core, desk: &mut Desk, asked: Asked, refusal: Refusal, status: i32) {
    if locked(core, |state| state.admit(asked.id)) == Admission::Duplicate {
        return close(core, desk, CloseReason::DuplicateId);
    }
    let refusal = match asked.credit < Refusal::COST {
        true => Refusal::None,
        false => refusal,
    };
    end(core, desk, asked.id, refusal, status);
}

fn end(core: &dyn Core, desk: &mut Desk, id: RequestId, refusal: Refusal, status: i32) {
    let ending = Ending {
        id,
        refusal,
        status,
    };
    if locked(core, |state| state.push_ending(ending)) {
        control::pump(core);
    } else {
        close(core, desk, CloseReason::Flooded);
    }
}

/// Opens a request for a worker.
fn queue(
    core: &dyn Core,
    desk: &mut Desk,
    asked: Asked,
    command: &'static Command,
    argv: Argv<'_>,
) {
    let Ok(mut memory) = Line::memory(argv) else {
        return refuse(core, desk, asked, Refusal::NoMemory, FAILED);
    };
    let name = match command.name {
        "run" => program_of(argv).path().unwrap_or_default(),
        _ => argv.name(),
    };
    let opening = Opening {
        id: asked.id,
        credit: asked.credit,
        terms: asked.terms,
        since_us: core.system().since_boot_us(),
        command,
        argv,
        name,
    };
    let hand = locked(core, |state| state.open(&opening, &mut memory));
    match hand {
        Hand::Queue => {}
        Hand::Wake(worker) => core.system().wake(Event(worker as u8)),
        Hand::Spawn(worker) => {
            if !core.system().spawn_worker(worker) {
                let memory: (Vec<u8>, Vec<u8>) =
                    locked(core, |state| state.release(worker, Phase::Absent));
                drop(memory);
                refuse(core, desk, asked, Refusal::NoMemory, FAILED);
            }
        }
    }
}

fn input(core: &dyn Core, desk: &mut Desk, id: RequestId, data: &[u8]) {
    let found = locked(core, |state| {
        let index = state.find(id)?;
        let slot = state.slot(index);
        Some((index, slot.stdin.accepts(data.len()), slot.worker))
    });
    let Some((slot, accepts, worker)) = found else {
        return;
    };
    if !accepts {
        return close(core, desk, CloseReason::Overrun);
    }
    stdin::push(core, slot, data);
    wake(core, Some(worker));
}

fn end_input(core: &dyn Core, id: RequestId) {
    let worker = locked(core, |state| {
        let slot = state.find(id)?;
        let slot = state.slot(slot);
        slot.stdin.end();
        Some(slot.worker)
    });
    wake(core, worker);
}
