//! What is told: records of [`uio_bpf::wire`], gathered first where they come from a list that somebody waits for.

use alloc::vec::Vec;

use serde::Serialize;
use uio_bpf::wire::{Answer, Trouble};
use uio_console::record::{Failure, Record};
use uio_console::wire::Writer;

use crate::command::{Context, FAILED, PIECE, Stop};

/// Bytes of an answer beside its data.
const HEAD: usize = 768;

/// The longest name that a failure tells.
const NAME: usize = 256;

/// Bytes of a failure.
const FAILURE: usize = 384;

/// Encoded answers, each behind its length (2 bytes).
pub(super) struct Batch {
    bytes: Vec<u8>,
    full: bool,
}

impl Batch {
    pub(super) const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            full: false,
        }
    }

    /// Adds an answer; one too long for a record, or without memory for it, is noted and told when the batch is sent.
    #[inline(never)]
    pub(super) fn add(&mut self, answer: &Answer<'_>) {
        let data = match answer {
            Answer::Map(map) => map.types.len(),
            Answer::Ran { context, .. } => context.len(),
            Answer::Entries(bytes)
            | Answer::Records(bytes)
            | Answer::Lines(bytes)
            | Answer::Spec(bytes)
            | Answer::More(bytes) => bytes.len(),
            _ => 0,
        };
        let start = self.bytes.len();
        let room = 2 + HEAD + data;
        if self.bytes.try_reserve(room).is_err() {
            self.full = true;
            return;
        }
        self.bytes.resize(start + room, 0);
        let place = self.bytes.get_mut(start + 2..).unwrap_or_default();
        let len = encode(answer, place).unwrap_or(0);
        self.full |= len == 0;
        if let Some(prefix) = self.bytes.get_mut(start..start + 2) {
            prefix.copy_from_slice(&(len as u16).to_le_bytes());
        }
        self.bytes.truncate(start + 2 + len);
    }

    /// Sends them all.
    #[inline(never)]
    pub(super) fn send(&self, cx: &mut Context<'_>) -> Result<(), Stop> {
        let mut rest = &*self.bytes;
        while let Some((prefix, tail)) = rest.split_first_chunk() {
            let len = usize::from(u16::from_le_bytes(*prefix)).min(tail.len());
            let (answer, tail) = tail.split_at(len);
            if !answer.is_empty() {
                cx.record(&Record::Bpf(answer))?;
            }
            rest = tail;
        }
        if self.full {
            let status = cx.no_memory(0)?;
            return Err(Stop::Status(status));
        }
        Ok(())
    }
}

/// Answers.
pub(super) fn answer(cx: &mut Context<'_>, answer: &Answer<'_>) -> Result<(), Stop> {
    let mut batch = Batch::new();
    batch.add(answer);
    batch.send(cx)
}

/// Splits bytes into those that go into an answer, and those that go behind it, see [`more`].
pub(super) fn first(bytes: &[u8]) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.len().min(PIECE))
}

/// Sends the bytes that had no room in the answer before.
#[inline(never)]
pub(super) fn more(cx: &mut Context<'_>, bytes: &[u8]) -> Result<(), Stop> {
    for piece in bytes.chunks(PIECE) {
        answer(cx, &Answer::More(piece))?;
    }
    Ok(())
}

/// Says why the request cannot be done; gives how it ends.
#[inline(never)]
pub(super) fn trouble(cx: &mut Context<'_>, arg: u8, trouble: &Trouble<'_>) -> Stop {
    let mut bytes = [0; FAILURE];
    let len = encode(trouble, &mut bytes).unwrap_or(0);
    let data = bytes.get(..len).unwrap_or_default();
    match cx.failure(&Failure::Bpf { arg, data }) {
        Ok(()) => Stop::Status(FAILED),
        Err(stop) => stop,
    }
}

/// Encodes a value to the start of a buffer; its length, if it fits.
pub(super) fn encode<T: Serialize>(value: &T, out: &mut [u8]) -> Option<usize> {
    let mut writer = Writer::new(out);
    value.serialize(&mut writer).ok()?;
    writer.finish().ok()
}

/// A name as failures tell it: not too long.
pub(super) fn name(name: &str) -> &str {
    let mut end = name.len().min(NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).unwrap_or_default()
}
