//! Static probes: where eBPF programs look at requests, and decide on them.
//!
//! | probe | fired | a program's structure | what it returns |
//! |---|---|---|---|
//! | `request` | for every request whose head could be read, before anything is done about it | [`Asked`] | a [`Decision`] |
//! | `answered` | for every answer, when it is ready to be sent | [`Answered`] | is not looked at |
//!
//! `demos/web/probes.h` has the same structures for C. With nothing attached a probe costs a load and a
//! branch; its structure is only made when something is.
//!
//! # Decisions
//!
//! | value | the request is |
//! |---|---|
//! | 0 | answered as usual |
//! | 400 to 599 | refused with that status |
//! | 2^32 + milliseconds | answered as usual after so long, at most [`MOST_DELAY_MS`] |
//! | anything else | answered as usual, and `decisions.nonsense` in `/status` counts it |
//!
//! With several programs attached, the one attached last decides. A request that no program ran to its end
//! for is answered as usual.
#![allow(
    unsafe_code,
    reason = "the list of probes is made by `global_asm!`, in uio-app's macro"
)]

use std::borrow::Cow;
use std::time::Instant;

use crate::body::Framing;
use crate::request::Request;
use crate::{stats, target};

/// [`Asked::body_bytes`] of a body that comes in chunks.
pub const LENGTH_UNKNOWN: u64 = u64::MAX;
/// The bit of a decision that asks for a delay; the milliseconds are in the 32 bits below.
pub const DELAY: u64 = 1 << 32;
/// The longest delay, in milliseconds; one that asks for more gets this.
pub const MOST_DELAY_MS: u64 = 60_000;

uio_app::probe! {
    /// A request is about to be answered, refused or held back.
    pub static REQUEST: Asked = "request" decides {
        /// The number of the connection, counted from 1.
        connection: u64,
        /// The length of the body as it was announced; 0 without one, [`LENGTH_UNKNOWN`] with chunks.
        body_bytes: u64,
        /// Which request on its connection this is, counted from 1.
        number: u32,
        /// The length of the whole path in bytes, be it more than fits into `path`.
        path_len: u32,
        /// The method as it was sent, cut to 7 bytes.
        method: [u8; 8],
        /// The client's address as a text.
        peer: [u8; 40],
        /// What is asked for, cut to 127 bytes: the path by which documents are found, that is decoded,
        /// without query and without needless `/` and `.`; a target that names no path as it was sent.
        path: [u8; 128],
    }
}

uio_app::probe! {
    /// An answer is ready to be sent.
    pub static ANSWERED: Answered = "answered" {
        /// The number of the connection, counted from 1.
        connection: u64,
        /// Bytes of content.
        bytes: u64,
        /// Microseconds since the head of the request had been read, delays included; 0 when it never was,
        /// or not while this probe was attached.
        micros: u64,
        /// The status.
        status: u32,
        /// The length of the whole path in bytes, be it more than fits into `path`.
        path_len: u32,
        /// As in [`Asked`]; empty when there was no request line.
        path: [u8; 128],
    }
}

/// What to do about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Answer as usual.
    Serve,
    /// Answer with this status, from 400 to 599, and nothing else.
    Refuse(u16),
    /// Answer as usual after so many milliseconds, from 1 to [`MOST_DELAY_MS`].
    Delay(u64),
}

impl Decision {
    /// What a program means that returns `value`; `None` when that makes no sense.
    ///
    /// ```
    /// use web::probes::Decision;
    ///
    /// assert_eq!(Decision::of(0), Some(Decision::Serve));
    /// assert_eq!(Decision::of(403), Some(Decision::Refuse(403)));
    /// assert_eq!(Decision::of(1 << 32 | 20), Some(Decision::Delay(20)));
    /// assert_eq!(Decision::of(200), None);
    /// ```
    #[must_use]
    pub fn of(value: u64) -> Option<Self> {
        if value & !u64::from(u32::MAX) == DELAY {
            return Some(match value & u64::from(u32::MAX) {
                0 => Self::Serve,
                ms => Self::Delay(ms.min(MOST_DELAY_MS)),
            });
        }
        match u16::try_from(value) {
            Ok(0) => Some(Self::Serve),
            Ok(status @ 400..=599) => Some(Self::Refuse(status)),
            _ => None,
        }
    }

    /// As [`Decision::of`]; counts what is decided, and answers as usual where that makes no sense.
    #[cold]
    fn taken(value: u64) -> Self {
        let decision = Self::of(value);
        stats::decided(decision);
        decision.unwrap_or(Self::Serve)
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// The number of the connection.
    pub connection: u64,
    /// The address.
    pub peer: &'a str,
    /// Which request on the connection it is.
    pub number: u32,
}

/// Asks what to do about `request`, whose first line is `line`.
#[inline]
pub fn ask(asker: Asker<'_>, request: &Request<'_>, line: &[u8]) -> Decision {
    let decision = REQUEST.fire(|| {
        let path = path(request.target);
        Asked {
            connection: asker.connection,
            body_bytes: match request.framing {
                Framing::None => 0,
                Framing::Length(bytes) => bytes,
                Framing::Chunked => LENGTH_UNKNOWN,
            },
            number: asker.number,
            path_len: length(&path),
            method: text(word(line, 0)),
            peer: text(asker.peer.as_bytes()),
            path: text(path.as_bytes()),
        }
    });
    decision.map_or(Decision::Serve, Decision::taken)
}

/// When the head of a request was read, if anybody wants to know.
#[inline]
#[must_use]
pub fn stamp() -> Option<Instant> {
    ANSWERED.is_attached().then(Instant::now)
}

/// Tells of an answer on `connection` to the request with the first line `line`, whose head was read
/// at `since`.
#[inline]
pub fn answered(connection: u64, line: &[u8], since: Option<Instant>, status: u16, bytes: u64) {
    ANSWERED.fire(|| {
        let target = String::from_utf8_lossy(word(line, 1));
        let path = path(&target);
        let micros = since.map_or(0, |since| since.elapsed().as_micros());
        Answered {
            connection,
            bytes,
            micros: u64::try_from(micros).unwrap_or(u64::MAX),
            status: u32::from(status),
            path_len: length(&path),
            path: text(path.as_bytes()),
        }
    });
}

/// The path that documents are looked up by; where `target` names none, the target.
fn path(target: &str) -> Cow<'_, str> {
    target::path(target).unwrap_or(Cow::Borrowed(target))
}

fn length(path: &str) -> u32 {
    u32::try_from(path.len()).unwrap_or(u32::MAX)
}

/// A word of a request line, counted from 0; empty when there is none.
fn word(line: &[u8], index: usize) -> &[u8] {
    let mut words = line.split(|&byte| byte == b' ');
    words.nth(index).unwrap_or_default()
}

/// `text`, cut so that a zero ends it.
fn text<const N: usize>(text: &[u8]) -> [u8; N] {
    let mut bytes = [0; N];
    for (to, from) in bytes.iter_mut().take(N.saturating_sub(1)).zip(text) {
        *to = *from;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{DELAY, Decision, path, text, word};

    #[test]
    fn decisions_that_make_sense() {
        for (value, expected) in [
            (0, Decision::Serve),
            (400, Decision::Refuse(400)),
            (599, Decision::Refuse(599)),
            (DELAY, Decision::Serve),
            (DELAY | 1, Decision::Delay(1)),
            (DELAY | 60_000, Decision::Delay(60_000)),
            (DELAY | 60_001, Decision::Delay(60_000)),
            (DELAY | 0xffff_ffff, Decision::Delay(60_000)),
        ] {
            assert_eq!(Decision::of(value), Some(expected), "{value:#x}");
        }
    }

    #[test]
    fn decisions_that_make_none() {
        for value in [
            1,
            200,
            399,
            600,
            0x1_0193,
            0xffff_ffff,
            2 << 32,
            3 << 32 | 20,
            1 << 63 | 403,
            (-1_i64) as u64,
        ] {
            assert_eq!(Decision::of(value), None, "{value:#x}");
        }
    }

    #[test]
    fn texts_end_with_a_zero() {
        assert_eq!(text::<8>(b"GET"), *b"GET\0\0\0\0\0");
        assert_eq!(text::<8>(b"PROPFIND"), *b"PROPFIN\0");
        assert_eq!(text::<8>(b""), [0; 8]);
    }

    #[test]
    fn paths_are_those_that_documents_have() {
        for (target, expected) in [
            ("/private/x?y", "/private/x"),
            ("//%70rivate/./x", "/private/x"),
            ("http://h/private", "/private"),
            ("/a/../private", "/a/../private"),
            ("*", "*"),
        ] {
            assert_eq!(path(target), expected, "{target}");
        }
    }

    #[test]
    fn words_of_a_request_line() {
        let line = b"GET /x HTTP/1.1";
        assert_eq!((word(line, 0), word(line, 1)), (&b"GET"[..], &b"/x"[..]));
        assert_eq!((word(b"", 0), word(b"GET", 1)), (&b""[..], &b""[..]));
    }
}
