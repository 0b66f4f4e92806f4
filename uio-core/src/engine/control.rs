//! What the overlay sends apart from the requests' own frames: `Hello`, `Closed`, and the ends of
//! requests that were refused or whose answer found no room at once. The overlay task sends them
//! if it can; otherwise the control worker does, which exists only then.

use serde::Serialize;
use uio_console::argv::{MAX_ARG, MAX_ARGS};
use uio_console::message::Hello;
use uio_console::record::{Failure, NO_ARG, UsageProblem};
use uio_console::wire::{variant, write};
use uio_console::{PROTOCOL_VERSION, RequestId};

use super::state::{CONTROL, Control, Duty, Ending, Refusal};
use super::{Core, MAX_REQUESTS, locked};
use crate::commands;
use crate::platform::Event;

/// The longest `Hello`; one that is longer is sent without its features.
const MAX_HELLO: usize = 1024;

/// How long the control worker waits for others to end their sending before it looks again.
const BUSY_MS: u64 = 100;

/// How far sending came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Done,
    /// Others are sending; the last of them goes on.
    Busy,
    NoRoom,
}

/// Sends what is waiting, and calls the control worker when there is no room for it.
pub(crate) fn pump(core: &dyn Core) {
    if send_waiting(core) == Progress::NoRoom {
        if !locked(core, |state| state.call_control()) {
            core.system().wake(Event(CONTROL as u8));
        } else if !core.system().spawn_worker(CONTROL) {
            // Whoever sends or receives next tries again.
            locked(core, |state| state.lose_control());
        }
    }
}

/// The control worker: sends what is waiting and ends.
pub(crate) fn run(core: &dyn Core) {
    loop {
        match send_waiting(core) {
            Progress::Done => {
                if locked(core, |state| state.rest_control()) {
                    return;
                }
            }
            Progress::Busy => core.system().wait(Event(CONTROL as u8), Some(BUSY_MS)),
            Progress::NoRoom => core.channel().wait_for_room(),
        }
    }
}

fn send_waiting(core: &dyn Core) -> Progress {
    loop {
        let (mut duty, generation) = locked(core, |state| (state.duty(), state.generation));
        let sent = match &mut duty {
            Duty::None => return Progress::Done,
            Duty::Busy => return Progress::Busy,
            Duty::Control(Control::Hello) => send_hello(core),
            Duty::Control(Control::Closed(reason)) => {
                let reason = *reason;
                send_small(core, variant::CLOSED, None, &reason)
            }
            Duty::Ending(ending) => send_ending(core, ending),
        };
        let wake = locked(core, |state| state.duty_done(duty, generation, sent));
        super::worker::wake_all(core, wake);
        if !sent {
            return Progress::NoRoom;
        }
    }
}

/// Sends a failure and an exit; leaves in `ending` what is still to be sent.
fn send_ending(core: &dyn Core, ending: &mut Ending) -> bool {
    let Ending { id, status, .. } = *ending;
    if let Some(failure) = failure(ending.refusal) {
        if !send_small(core, variant::FAILURE, Some(id), &failure) {
            return false;
        }
        ending.refusal = Refusal::None;
    }
    send_small(core, variant::EXIT, Some(id), &status)
}

fn failure(refusal: Refusal) -> Option<Failure<'static>> {
    Some(match refusal {
        Refusal::None => return None,
        Refusal::UnknownCommand => Failure::UnknownCommand,
        Refusal::NoArguments => Failure::Usage {
            arg: NO_ARG,
            problem: UsageProblem::Missing,
        },
        Refusal::TooManyArguments => Failure::TooManyArguments {
            max: MAX_ARGS as u16,
        },
        Refusal::ArgumentTooLong(arg) => Failure::ArgumentTooLong {
            arg,
            max: MAX_ARG as u16,
        },
        Refusal::Busy => Failure::Busy {
            max: MAX_REQUESTS as u16,
        },
        Refusal::NoMemory => Failure::NoMemory { bytes: 0 },
    })
}

fn send_small<T: Serialize>(
    core: &dyn Core,
    variant: u8,
    id: Option<RequestId>,
    value: &T,
) -> bool {
    let mut bytes = [0; 32];
    match write(variant, id, value, &mut bytes) {
        Ok(len) => core
            .channel()
            .try_send(bytes.get(..len).unwrap_or_default()),
        Err(_) => true,
    }
}

#[inline(never)]
fn send_hello(core: &dyn Core) -> bool {
    let image = core.system().image();
    let (share, attached) = core.files().share();
    let mut hello = Hello {
        version: PROTOCOL_VERSION,
        kernel: image.kernel,
        overlay: crate::VERSION,
        arch: image.arch,
        build_id: image.build_id,
        features: image.features,
        isolation: core.isolation().name(),
        policy: core.isolation().policy(),
        commands: commands::NAMES,
        share: if attached { share } else { "" },
        max_requests: MAX_REQUESTS as u16,
    };
    let mut bytes = [0; MAX_HELLO];
    let len = write(variant::HELLO, None, &hello, &mut bytes).or_else(|_| {
        hello.features = "";
        write(variant::HELLO, None, &hello, &mut bytes)
    });
    match len {
        Ok(len) => core
            .channel()
            .try_send(bytes.get(..len).unwrap_or_default()),
        Err(_) => true,
    }
}
