//! What a request sends: frames for credit, a buffer a worker.

use alloc::vec::Vec;

use uio_console::frame::encode_payload;
use uio_console::record::{Failure, NO_ARG, Record};
use uio_console::{FromGuest, MAX_DATA, MAX_PAYLOAD, RequestId};

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

/// Variants of [`FromGuest`] that carry data.
pub(crate) const STDOUT: u8 = 1;
pub(crate) const STDERR: u8 = 2;

impl Job<'_> {
    pub(crate) fn record(&self, record: &Record<'_>) -> Result<(), Stop> {
        let id = self.id().ok_or(Stop::Interrupted)?;
        let room = match record {
            Record::Bytes { data, .. } => data.len() + SMALL,
            _ => SMALL,
        };
        let record = *record;
        self.send(&FromGuest::Record { id, record }, room, true)
    }

    pub(crate) fn failure(&self, failure: &Failure<'_>) -> Result<(), Stop> {
        let id = self.id().ok_or(Stop::Interrupted)?;
        let failure = *failure;
        self.send(&FromGuest::Failure { id, failure }, SMALL, true)
    }

    /// Sends a message that is expected to need `room` bytes, for credit if it `costs`. Waits for
    /// credit and room.
    pub(crate) fn send(
        &self,
        message: &FromGuest<'_>,
        room: usize,
        costs: bool,
    ) -> Result<(), Stop> {
        let mut bytes = self.take_buffer(room.min(MAX_PAYLOAD))?;
        let encoded = encode_payload(message, &mut bytes).or_else(|_| {
            bytes = buffer(MAX_PAYLOAD).unwrap_or_default();
            encode_payload(message, &mut bytes)
        });
        let len = match (encoded, self.id()) {
            (Ok(len), _) => len,
            (Err(_), Some(id)) => too_long(id, &mut bytes),
            (Err(_), None) => 0,
        };
        let cost = if costs { len as u32 } else { 0 };
        let sent = self.transmit(bytes.get(..len).unwrap_or_default(), cost, false);
        self.put_buffer(bytes);
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
        let (id, credit) = self.wait_for_credit(DATA_HEADER + data.len().min(LEAST_DATA))?;
        let part = data.len().min(MAX_DATA).min(credit - DATA_HEADER);
        let data = data.get(..part).unwrap_or_default();
        let mut bytes = self.take_buffer(if part + DATA_HEADER > SMALL {
            MAX_PAYLOAD
        } else {
            SMALL
        })?;
        let len = encode_data(variant, id, data, &mut bytes);
        let sent = self.send_encoded(bytes.get(..len).unwrap_or_default());
        self.put_buffer(bytes);
        sent.map(|()| part)
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
        self.transmit(payload, payload.len() as u32, false)
    }

    /// Says that the request was interrupted, if its credit allows.
    pub(crate) fn say_interrupted(&self) {
        let Some(id) = self.id() else { return };
        let failure = Failure::Interrupted;
        let mut bytes = [0; 16];
        if let Ok(len) = encode_payload(&FromGuest::Failure { id, failure }, &mut bytes) {
            let payload = bytes.get(..len).unwrap_or_default();
            // Without credit nothing is said, and the session may have ended.
            let _ = self.transmit(payload, len as u32, true);
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

    fn take_buffer(&self, least: usize) -> Result<Vec<u8>, Stop> {
        let bytes = locked(self.core, |state| state.take_buffer(self.worker));
        if bytes.len() >= least {
            return Ok(bytes);
        }
        buffer(least).map_err(|_| Stop::Interrupted)
    }

    fn put_buffer(&self, mut bytes: Vec<u8>) {
        locked(self.core, |state| {
            state.swap_buffer(self.worker, &mut bytes);
        });
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

/// Sends the `Exit` of a request of session `generation`, whose slot is free already. Waits for
/// room.
pub(crate) fn send_exit(
    core: &dyn Core,
    worker: usize,
    id: RequestId,
    generation: u32,
    status: i32,
) {
    let mut bytes = [0; 16];
    let Ok(len) = encode_payload(&FromGuest::Exit { id, status }, &mut bytes) else {
        return;
    };
    let payload = bytes.get(..len).unwrap_or_default();
    loop {
        match locked(core, |state| state.begin_exit(generation)) {
            Permit::Go => {
                if finish(core, worker, payload, 0) {
                    return;
                }
                core.channel().wait_for_room();
            }
            Permit::Later => core.system().wait(Event(worker as u8), None),
            _ => return,
        }
    }
}

/// Writes what replaces a record that is longer than a frame; returns its length.
fn too_long(id: RequestId, out: &mut [u8]) -> usize {
    let failure = Failure::Os {
        arg: NO_ARG,
        errno: EMSGSIZE,
    };
    encode_payload(&FromGuest::Failure { id, failure }, out).unwrap_or(0)
}

/// Writes a data frame's payload as postcard does, in one copy instead of byte by byte; returns
/// its length, 0 when it does not fit.
pub(crate) fn encode_data(variant: u8, id: RequestId, data: &[u8], out: &mut [u8]) -> usize {
    let mut to = 0;
    let mut put = |byte: u8| {
        if let Some(place) = out.get_mut(to) {
            *place = byte;
        }
        to += 1;
    };
    put(variant);
    for number in [id.0, data.len() as u32] {
        let mut left = number;
        while left >= 0x80 {
            put(left as u8 | 0x80);
            left >>= 7;
        }
        put(left as u8);
    }
    match out.get_mut(to..to + data.len()) {
        Some(place) => {
            place.copy_from_slice(data);
            to + data.len()
        }
        None => 0,
    }
}

/// Answers an inline command's request with a record, if credit and room allow.
pub(crate) fn inline_record(
    core: &dyn Core,
    id: RequestId,
    credit: &mut u32,
    out: &mut [u8],
    record: &Record<'_>,
) -> Result<(), Stop> {
    let record = *record;
    inline(core, &FromGuest::Record { id, record }, credit, out)
}

/// Answers an inline command's request with a failure, if credit and room allow.
pub(crate) fn inline_failure(
    core: &dyn Core,
    id: RequestId,
    credit: &mut u32,
    out: &mut [u8],
    failure: &Failure<'_>,
) -> Result<(), Stop> {
    let failure = *failure;
    inline(core, &FromGuest::Failure { id, failure }, credit, out)
}

fn inline(
    core: &dyn Core,
    message: &FromGuest<'_>,
    credit: &mut u32,
    out: &mut [u8],
) -> Result<(), Stop> {
    let len = encode_payload(message, out).map_err(|_| Stop::Later)?;
    let rest = credit.checked_sub(len as u32).ok_or(Stop::Later)?;
    let sent = core.channel().try_send(out.get(..len).unwrap_or_default());
    if !sent {
        return Err(Stop::Later);
    }
    *credit = rest;
    Ok(())
}
