//! Frames, good and bad, as bytes.

use anyhow::{Result, anyhow};
use uio_console::frame::{Deframer, decode_payload, encode, stuff};
use uio_console::message::CloseReason;
use uio_console::{FromGuest, MAX_FRAME, PROTOCOL_VERSION, Terms, ToGuest};

/// A message as a frame.
pub fn frame(message: &ToGuest<'_>) -> Result<Vec<u8>> {
    let mut bytes = vec![0; MAX_FRAME];
    let len = encode(message, &mut bytes).map_err(|error| anyhow!("encode: {error:?}"))?;
    bytes.truncate(len);
    Ok(bytes)
}

/// Any payload as a frame.
pub fn frame_of(payload: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = vec![0; MAX_FRAME];
    let len = stuff(payload, &mut bytes).map_err(|error| anyhow!("stuff: {error:?}"))?;
    bytes.truncate(len);
    Ok(bytes)
}

/// The frame that opens a session.
pub fn hello() -> Result<Vec<u8>> {
    frame(&ToGuest::Hello {
        version: PROTOCOL_VERSION,
    })
}

/// The last reason for closing among what a guest or broker sent.
pub fn close_reason(mut bytes: &[u8]) -> Option<CloseReason> {
    let mut deframer = Deframer::new();
    let mut reason = None;
    while !bytes.is_empty() {
        let (used, item) = deframer.next(bytes);
        bytes = bytes.get(used..).unwrap_or_default();
        if let Some(Ok(payload)) = item
            && let Ok(FromGuest::Closed { reason: why }) = decode_payload(payload)
        {
            reason = Some(why);
        }
    }
    reason
}

/// Bytes that nobody can foresee but anybody can repeat (xorshift64*).
pub struct Noise(u64);

impl Noise {
    /// Noise from a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// So many bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| (self.next() >> 32) as u8).collect()
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 33) as usize % limit.max(1)
    }
}

/// Kinds of bad input, by name: each breaks the protocol after a good beginning.
pub fn bad_input() -> Result<Vec<(&'static str, Vec<u8>, CloseReason)>> {
    let good = hello()?;
    let after = |bytes: Vec<u8>| [good.clone(), bytes].concat();
    let mut truncated = frame(&ToGuest::Exec {
        id: uio_console::RequestId(1),
        credit: 4096,
        terms: Terms::default(),
        argv: b"version\0",
    })?;
    truncated.truncate(truncated.len() - 4);
    truncated.push(0);
    let mut trailing = frame_of(&[0, 1, 1])?;
    trailing.extend(b"\0");
    Ok(vec![
        (
            "a truncated frame",
            after(truncated),
            CloseReason::Malformed,
        ),
        (
            "an oversized frame",
            after([vec![1; MAX_FRAME + 1], vec![0]].concat()),
            CloseReason::Oversized,
        ),
        (
            "a megabyte without an end",
            after(vec![7; 1 << 20]),
            CloseReason::Oversized,
        ),
        (
            "an unknown message",
            after(frame_of(&[99, 1, 2, 3])?),
            CloseReason::Malformed,
        ),
        (
            "a message and more",
            after(trailing),
            CloseReason::Malformed,
        ),
        ("an empty frame", after(vec![1, 0]), CloseReason::Malformed),
        (
            "a number too long for its type",
            after(frame_of(&[5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])?),
            CloseReason::Malformed,
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_repeats_and_varies() {
        let bytes = Noise::new(7).bytes(4096);
        assert_eq!(bytes, Noise::new(7).bytes(4096));
        assert_ne!(bytes, Noise::new(8).bytes(4096));
        let distinct: std::collections::BTreeSet<u8> = bytes.into_iter().collect();
        assert_eq!(distinct.len(), 256);
    }

    #[test]
    fn reasons_are_found_among_noise() {
        let mut bytes = vec![0; MAX_FRAME];
        let closed = FromGuest::Closed {
            reason: CloseReason::Malformed,
        };
        let len = encode(&closed, &mut bytes).unwrap();
        let all = [b"\x03ab\0".as_slice(), &bytes[..len]].concat();
        assert_eq!(close_reason(&all), Some(CloseReason::Malformed));
        assert_eq!(close_reason(b"\0\0"), None);
    }
}
