//! What a request sends: frames for credit, a buffer a worker.

use alloc::vec::Vec;

use serde::Serialize;
use uio_console::record::{Failure, NO_ARG, Record};
use uio_console::wire::{variant, write, write_data};
use uio_console::{MAX_DATA, MAX_PAYLOAD, RequestId, cost};

use super::state::Permit;
use super::{Core, Job, control, locked};
use crate::command::{Stop, buffer};
use crate::platform::Event;

/// The buffer that a worker keeps: enough for nearly every record.
pub(crate) const SMALL: usize = 512;

/// The most bytes of a data frame besides its data: the variant, the identifier (5), the length
/// (2). A variable-length integer carries 7 bits a byte.
const DATA_HEADER: usize = 8;

/// With less credit than this for data, wait for more instead of sending tiny frames.
const LEAST_DATA: usize = 64;

/// `EMSGSIZE` of Linux: a record is longer than a frame.
const EMSGSIZE: i32 = 90;

impl Job<'_> {
    pub(crate) fn record(&self, record: &Record<'_>) -> Result<(), Stop> {
        let room = match record {
            Record::Bytes { data, .. } | Record::Bpf(data) => data.len() + SMALL,
            _ => SMALL,
        };
        self.send(variant::RECORD, record, room.min(MAX_PAYLOAD), true)
    }

    pub(crate) fn failure(&self, failure: &Failure<'_>) -> Result<(), Stop> {
        self.send(variant::FAILURE, failure, SMALL, true)
    }

    /// Sends a message that is expected to need `room` bytes, for credit if it `costs`. Waits for
    /// credit and room.
    pub(crate) fn send<T: Serialize>(
        &self,
        variant: u8,
        value: &T,
        room: usize,
        costs: bool,
    ) -> Result<(), Stop> {
        let (id, mut bytes) = self.open(room)?;
        let mut len = write(variant, Some(id), value, &mut bytes);
        if len.is_err() {
            bytes = buffer(MAX_PAYLOAD).unwrap_or(bytes);
            len = write(variant, Some(id), value, &mut bytes);
        }
        self.close(id, bytes, len.unwrap_or(0), costs)
    }

    /// Sends the message at the start of `bytes`, or says that it is too long if it is empty.
    #[inline(never)]
    fn close(
        &self,
        id: RequestId,
        mut bytes: Vec<u8>,
        mut len: usize,
        costs: bool,
    ) -> Result<(), Stop> {
        if len == 0 {
            let failure = Failure::Os {
                arg: NO_ARG,
                errno: EMSGSIZE,
            };
            len = write(variant::FAILURE, Some(id), &failure, &mut bytes).unwrap_or(0);
        }
        let cost = if costs { cost(len) } else { 0 };
        let sent = self.transmit(bytes.get(..len).unwrap_or_default(), cost, false);
        locked(self.core, |state| {
            state.swap_buffer(self.worker, &mut bytes);
        });
        sent
    }

    /// Writes all of `data` to standard output (1) or error (2) as data frames.
    pub(crate) fn write_all(&self, variant: u8, mut data: &[u8]) -> Result<(), Stop> {
        while !data.is_empty() {
            let sent = self.write_some(variant, data)?;
            data = data.get(sent..).unwrap_or_default();
        }
        Ok(())
    }

    /// Sends one data frame with a part of `data`; returns how many bytes.
    fn write_some(&self, variant: u8, data: &[u8]) -> Result<usize, Stop> {
        let header = cost(DATA_HEADER) as usize;
        let (id, credit) = self.wait_for_credit(header + data.len().min(LEAST_DATA))?;
        let part = data.len().min(MAX_DATA).min(credit - header);
        let data = data.get(..part).unwrap_or_default();
        let large = part + DATA_HEADER > SMALL;
        let (_, mut bytes) = self.open(if large { MAX_PAYLOAD } else { SMALL })?;
        let len = write_data(variant, id, data, &mut bytes).unwrap_or(0);
        self.close(id, bytes, len, true)?;
        Ok(part)
    }

    /// Waits until there is credit for `bytes`; returns all the credit there is.
    fn wait_for_credit(&self, bytes: usize) -> Result<(RequestId, usize), Stop> {
        loop {
            let (id, credit) = locked(self.core, |state| {
                let slot = state.current(self.worker)?;
                (!slot.interrupted).then_some((slot.id, slot.credit))
            })
            .ok_or(Stop::Interrupted)?;
            let credit = credit as usize;
            if credit >= bytes {
                return Ok((id, credit));
            }
            self.core.system().wait(Event(self.worker as u8), None);
        }
    }

    /// Sends an encoded message that costs credit. Waits for credit and room.
    pub(crate) fn send_encoded(&self, payload: &[u8]) -> Result<(), Stop> {
        self.transmit(payload, cost(payload.len()), false)
    }

    /// Says that the request was interrupted, if its credit allows.
    pub(crate) fn say_interrupted(&self) {
        let Some(id) = self.id() else { return };
        let mut bytes = [0; 16];
        if let Ok(len) = write(
            variant::FAILURE,
            Some(id),
            &Failure::Interrupted,
            &mut bytes,
        ) {
            let payload = bytes.get(..len).unwrap_or_default();
            // Without credit nothing is said, and the session may have ended.
            let _ = self.transmit(payload, cost(len), true);
        }
    }

    /// Sends a payload for `cost` of the request's credit. Waits for room, and for credit unless
    /// the request was `interrupted`.
    fn transmit(&self, payload: &[u8], cost: u32, interrupted: bool) -> Result<(), Stop> {
        loop {
            match locked(self.core, |state| {
                state.begin(self.worker, cost, interrupted)
            }) {
                Permit::Go => {
                    if finish(self.core, self.worker, payload, cost) {
                        return Ok(());
                    }
                    self.core.channel().wait_for_room();
                }
                Permit::Credit if interrupted => return Err(Stop::Interrupted),
                Permit::Later | Permit::Credit => {
                    self.core.system().wait(Event(self.worker as u8), None);
                }
                Permit::Interrupted | Permit::Gone => return Err(Stop::Interrupted),
            }
        }
    }

    /// The request's identifier, and the worker's buffer, which [`Self::close`] gives back.
    #[inline(never)]
    fn open(&self, least: usize) -> Result<(RequestId, Vec<u8>), Stop> {
        let (id, bytes) = locked(self.core, |state| {
            let id = state.current(self.worker)?.id;
            Some((id, state.take_buffer(self.worker)))
        })
        .ok_or(Stop::Interrupted)?;
        if bytes.len() >= least {
            return Ok((id, bytes));
        }
        let bytes = buffer(least).map_err(|_| Stop::Interrupted)?;
        Ok((id, bytes))
    }
}

/// Sends a payload that [`super::State::begin`] permitted; false when there was no room.
fn finish(core: &dyn Core, worker: usize, payload: &[u8], cost: u32) -> bool {
    let sent = core.channel().try_send(payload);
    let refund = if sent { 0 } else { cost };
    if locked(core, |state| state.end(worker, refund)) {
        control::pump(core);
    }
    sent
}

/// Sends the `Exit` of a request of session `generation`, whose slot is free already, given the first
/// answer of [`super::State::begin_exit`]. Waits for room.
pub(crate) fn send_exit(
    core: &dyn Core,
    worker: usize,
    (id, generation): (RequestId, u32),
    mut permit: Permit,
    status: i32,
) {
    let mut bytes = [0; 16];
    // It needs 11 bytes at most.
    let len = write(variant::EXIT, Some(id), &status, &mut bytes);
    let payload = bytes.get(..len.unwrap_or(0)).unwrap_or_default();
    loop {
        match permit {
            Permit::Go => {
                if finish(core, worker, payload, 0) {
                    return;
                }
                core.channel().wait_for_room();
            }
            Permit::Later => core.system().wait(Event(worker as u8), None),
            _ => return,
        }
        permit = locked(core, |state| state.begin_exit(generation));
    }
}

/// Answers an inline command's request, if credit and room allow.
pub(crate) fn inline<T: Serialize>(
    core: &dyn Core,
    (variant, id): (u8, RequestId),
    value: &T,
    credit: &mut u32,
    out: &mut [u8],
) -> Result<(), Stop> {
    let len = write(variant, Some(id), value, out).map_err(|_| Stop::Later)?;
    let rest = credit.checked_sub(cost(len)).ok_or(Stop::Later)?;
    if !core.channel().try_send(out.get(..len).unwrap_or_default()) {
        return Err(Stop::Later);
    }
    *credit = rest;
    Ok(())
}
