//! Frames: COBS (consistent overhead byte stuffing, Cheshire and Baker, 1999) and the closing zero.
//!
//! A receiver that joins in the middle of a frame, or that sees a frame cut off, is in step again
//! at the next zero. A cut-off message is always recognised: postcard encodings are prefix-free,
//! so that a strict prefix of one ends before its last field does, and a message that is followed
//! by further bytes is refused.

use serde::{Deserialize, Serialize};

use crate::wire::{Full, Writer};
use crate::zero::zero_at;
use crate::{Error, MAX_FRAME, MAX_PAYLOAD};

/// The longest run of non-zero bytes that one COBS code byte can introduce.
const MAX_RUN: usize = 254;

/// Writes `message` as a payload (no framing yet) to the start of `out`; returns its length.
///
/// # Errors
/// [`Error::NoRoom`] when it does not fit.
pub fn encode_payload<T: Serialize>(message: &T, out: &mut [u8]) -> Result<usize, Error> {
    let mut writer = Writer::new(out);
    message
        .serialize(&mut writer)
        .and_then(|()| writer.finish())
        .map_err(|Full| Error::NoRoom)
}

/// Reads a message from a whole payload.
///
/// # Errors
/// [`Error::Malformed`] when the payload is not one message and nothing else.
pub fn decode_payload<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, Error> {
    match postcard::take_from_bytes(payload) {
        Ok((message, [])) => Ok(message),
        _ => Err(Error::Malformed),
    }
}

/// Bytes that [`stuff`] needs for a payload of `len` bytes, the closing zero included.
#[must_use]
pub const fn stuffed_len(len: usize) -> usize {
    len + len / MAX_RUN + 2
}

/// Writes `payload` as a frame, COBS and closing zero, to the start of `out`; returns its length.
///
/// # Errors
/// [`Error::NoRoom`] unless `out` has [`stuffed_len`] bytes.
pub fn stuff(payload: &[u8], out: &mut [u8]) -> Result<usize, Error> {
    if out.len() < stuffed_len(payload.len()) {
        return Err(Error::NoRoom);
    }
    let mut code_at = 0;
    let mut to = 1;
    for &byte in payload {
        if byte != 0 {
            out[to] = byte;
            to += 1;
        }
        if byte == 0 || to - code_at > MAX_RUN {
            out[code_at] = (to - code_at) as u8;
            code_at = to;
            to += 1;
        }
    }
    out[code_at] = (to - code_at) as u8;
    out[to] = 0;
    Ok(to + 1)
}

/// Encodes and stuffs `message` in one go through a scratch buffer; returns the frame's length.
///
/// # Errors
/// [`Error::NoRoom`] when the message exceeds [`MAX_PAYLOAD`] or the frame exceeds `out`.
pub fn encode<T: Serialize>(message: &T, out: &mut [u8]) -> Result<usize, Error> {
    let mut payload = [0; MAX_PAYLOAD];
    let len = encode_payload(message, &mut payload)?;
    stuff(&payload[..len], out)
}

/// The longest payload that a frame can hold: its code byte and its closing zero are no part of it.
const MAX_UNSTUFFED: usize = MAX_FRAME - 2;

/// Takes a byte stream apart into payloads, a chunk at a time, however the stream is cut.
pub struct Deframer {
    payload: [u8; MAX_FRAME],
    len: usize,
    /// Bytes left in the current COBS run; 0: the next byte is a code.
    run: u8,
    /// A zero stands for the end of the current run, unless the frame ends there.
    zero_due: bool,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between frames or inside one that is sound so far.
    Sound,
    /// Inside a frame that was refused: skip to its closing zero.
    Skipping,
}

impl Default for Deframer {
    fn default() -> Self {
        Self::new()
    }
}

impl Deframer {
    /// A deframer that expects the start of a frame.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            payload: [0; MAX_FRAME],
            len: 0,
            run: 0,
            zero_due: false,
            state: State::Sound,
        }
    }

    /// Forgets what has been read of a frame.
    pub fn reset(&mut self) {
        self.len = 0;
        self.run = 0;
        self.zero_due = false;
        self.state = State::Sound;
    }

    /// Consumes bytes of `chunk` up to the end of the next frame. Returns how many were consumed,
    /// and the frame's payload or why it was refused, if one ended (or broke) there. Empty frames
    /// (a zero after a zero) are passed over: they serve to end whatever came before.
    pub fn next<'a>(&'a mut self, chunk: &[u8]) -> (usize, Option<Result<&'a [u8], Error>>) {
        if !self.is_inside()
            && let Some((used, len)) = self.whole(chunk)
        {
            return (used, Some(Ok(self.payload.get(..len).unwrap_or_default())));
        }
        let mut used = 0;
        while let Some(&byte) = chunk.get(used) {
            if byte != 0 {
                let rest = chunk.get(used..).unwrap_or_default();
                used += match (self.state, self.run) {
                    (State::Skipping, _) => 1,
                    (State::Sound, 0) => self.code(byte),
                    (State::Sound, _) => self.copy(rest),
                };
                if self.len > MAX_UNSTUFFED {
                    self.state = State::Skipping;
                    self.len = 0;
                    return (used, Some(Err(Error::Oversized)));
                }
                continue;
            }
            used += 1;
            let whole = self.run == 0;
            let len = self.len;
            let skipped = self.state == State::Skipping;
            let begun = self.zero_due || len != 0 || !whole;
            self.reset();
            if skipped || !begun {
                continue;
            }
            if !whole {
                return (used, Some(Err(Error::Truncated)));
            }
            return (used, Some(Ok(self.payload.get(..len).unwrap_or_default())));
        }
        (used, None)
    }

    /// Whether a frame has begun and not ended.
    fn is_inside(&self) -> bool {
        self.zero_due || self.len != 0 || self.run != 0 || self.state == State::Skipping
    }

    /// The usual case: a sound frame that lies in `chunk` as a whole, from its start on. Returns how
    /// many bytes it takes and how many its payload has. Anything else is `None`, with nothing changed
    /// but the buffer.
    fn whole(&mut self, chunk: &[u8]) -> Option<(usize, usize)> {
        let end = zero_at(chunk)?;
        let mut from = chunk.get(..end)?;
        let mut to = 0;
        loop {
            let (&code, rest) = from.split_first()?;
            let (run, rest) = rest.split_at_checked(usize::from(code).checked_sub(1)?)?;
            let place = self.payload.get_mut(to..to + run.len())?;
            place.copy_from_slice(run);
            to += run.len();
            if rest.is_empty() {
                break;
            }
            if code != u8::MAX {
                *self.payload.get_mut(to)? = 0;
                to += 1;
            }
            from = rest;
        }
        (to <= MAX_UNSTUFFED).then_some((end + 1, to))
    }

    /// Takes the code byte of a run, and the zero that the run before it implied. Returns how many
    /// bytes that were.
    fn code(&mut self, byte: u8) -> usize {
        if self.zero_due {
            if let Some(place) = self.payload.get_mut(self.len) {
                *place = 0;
            }
            self.len += 1;
        }
        self.run = byte - 1;
        // After a full run of 254 bytes no zero is implied. A first code marks the frame as begun.
        self.zero_due = byte != u8::MAX;
        1
    }

    /// Copies what is there of the current run, up to a zero that should not be. Returns how many
    /// bytes that were.
    fn copy(&mut self, chunk: &[u8]) -> usize {
        let out = self.payload.get_mut(self.len..).unwrap_or_default();
        let mut copied = 0;
        for (to, &byte) in out.iter_mut().zip(chunk).take(usize::from(self.run)) {
            if byte == 0 {
                break;
            }
            *to = byte;
            copied += 1;
        }
        self.run -= copied as u8;
        self.len += copied;
        copied
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
