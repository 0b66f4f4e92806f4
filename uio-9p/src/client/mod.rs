//! The client as a state machine that does no I/O.
//!
//! It knows which tags and fids are in use, and judges replies. Whoever moves bytes asks it for a tag
//! ([`Client::begin`]), sends the request, and hands over the reply ([`Client::finish`]), or says that nobody waits for
//! the reply any more ([`Client::give_up`]) and hands it over when it comes after all ([`Client::late`]).
//!
//! Invariants:
//! - A tag is taken again only when its request is answered, or can never be answered any more; with a `Tflush` under
//!   way, only after that is answered too (9P2000, `flush(5)`).
//! - A fid is taken again only when the server has forgotten it.
//! - A bad reply ends the call that it came for and no other.
//!
//! All state is in atomics: no lock, so no lock's type, and nothing here ever waits.

#![forbid(unsafe_code)]

mod calls;
mod fids;

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::error::{Errno, Error};
use crate::msg::version::DIALECT;
use crate::msg::{Header, REPLY, Rclunk, Rflush, Rlerror, Rversion};
use crate::types::{Fid, Tag};

use calls::Calls;
use fids::Fids;

pub use calls::MAX_CALLS;
pub use fids::MAX_FIDS;

/// Smallest message size of a session in bytes.
pub const MIN_MSIZE: u32 = 8 * 1024;
/// Largest message size of a session in bytes.
pub const MAX_MSIZE: u32 = 512 * 1024;
/// Message size that is asked for unless told otherwise, in bytes.
pub const DEFAULT_MSIZE: u32 = 64 * 1024;

/// What went wrong so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Replies that broke the protocol, each of which failed its call.
    pub bad: u32,
    /// Replies that belonged to no call, and were dropped.
    pub stray: u32,
    /// Replies that came after their call had been given up.
    pub late: u32,
}

/// The state of a session.
pub struct Client {
    calls: Calls,
    fids: Fids,
    bad: AtomicU32,
    stray: AtomicU32,
    late: AtomicU32,
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Client {
    /// No call in flight, and no fid but [`Fid::ROOT`] in use.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            calls: Calls::new(),
            fids: Fids::new(),
            bad: AtomicU32::new(0),
            stray: AtomicU32::new(0),
            late: AtomicU32::new(0),
        }
    }

    /// Takes a tag for a request of the type `kind`; [`Tag::NONE`] for `Tversion`.
    ///
    /// # Errors
    /// [`Error::OutOfTags`].
    pub fn begin(&self, kind: u8) -> Result<Tag, Error> {
        self.calls.begin(kind | REPLY, Fid::NONE.0)
    }

    /// Takes a tag for a `Tclunk` whose answer, waited for or not, gives back `fid`.
    ///
    /// # Errors
    /// [`Error::OutOfTags`]; `fid` then still belongs to the caller.
    pub fn begin_clunk(&self, fid: Fid) -> Result<Tag, Error> {
        self.calls.begin(Rclunk::KIND, fid.0)
    }

    /// Takes a tag for a `Tflush` of `old`, which must be the caller's; to be followed by [`Client::give_up`] of `old`.
    ///
    /// # Errors
    /// [`Error::OutOfTags`].
    pub fn begin_flush(&self, old: Tag) -> Result<Tag, Error> {
        let tag = self.calls.begin(Rflush::KIND, u32::from(old.0))?;
        self.calls.mark(old, calls::FLUSHING, 0);
        Ok(tag)
    }

    /// Gives back the tag of a request that was never sent.
    pub fn cancel(&self, tag: Tag) {
        self.judge_special(tag, false);
        self.calls.end(tag);
    }

    /// Ends the call `tag` with its reply: `Ok` when it is a whole message of the right type for this call.
    ///
    /// The fields are still to be decoded.
    ///
    /// # Errors
    /// [`Error::Remote`] for an `Rlerror`; else what is wrong with the reply.
    pub fn finish(&self, tag: Tag, reply: &[u8]) -> Result<(), Error> {
        let verdict = self.judge(tag, reply);
        self.calls.end(tag);
        verdict
    }

    /// Says that nobody waits for the reply to `tag` any more.
    pub fn give_up(&self, tag: Tag) {
        self.calls.mark(tag, calls::GIVEN_UP, 0);
    }

    /// Takes the reply to a call that was given up, or an empty slice when it will never come.
    pub fn late(&self, tag: Tag, reply: &[u8]) {
        if self.calls.expected(tag) == 0 {
            self.stray.fetch_add(1, Relaxed);
            return;
        }
        if !reply.is_empty() {
            self.late.fetch_add(1, Relaxed);
        }
        // What the reply says matters to nobody but the fid or tag that hangs on it.
        let _ = self.judge(tag, reply);
        self.calls.mark(tag, calls::OVER, 0);
    }

    /// Whether there are calls given up whose replies are still to come.
    #[must_use]
    pub fn owed(&self) -> bool {
        self.calls.owed() != 0
    }

    /// Which call a reply is for, where replies come over one stream.
    ///
    /// # Errors
    /// What is wrong with the header, or [`Error::UnexpectedTag`]: the reply is to be dropped, and is counted.
    pub fn route(&self, reply: &[u8]) -> Result<Tag, Error> {
        let tag = Header::of(reply).map(|header| header.tag);
        let known = tag.and_then(|tag| {
            if self.calls.expected(tag) == 0 {
                return Err(Error::UnexpectedTag {
                    expected: Tag::NONE.0,
                    got: tag.0,
                });
            }
            Ok(tag)
        });
        if known.is_err() {
            self.stray.fetch_add(1, Relaxed);
        }
        known
    }

    /// Takes a fid.
    ///
    /// # Errors
    /// [`Error::OutOfFids`].
    #[inline(never)]
    pub fn take_fid(&self) -> Result<Fid, Error> {
        self.fids.take().ok_or(Error::OutOfFids)
    }

    /// Gives back a fid that the server does not know.
    #[inline(never)]
    pub fn free_fid(&self, fid: Fid) {
        self.fids.free(fid);
    }

    /// Sets aside a fid that the server may or may not know.
    #[inline(never)]
    pub fn lose_fid(&self, fid: Fid) {
        self.fids.lose(fid);
    }

    /// A fid that was set aside, to be clunked: it may be taken again after any answer to that.
    pub fn lost_fid(&self) -> Option<Fid> {
        self.fids.take_lost()
    }

    /// Fids in use, the root's among them.
    #[must_use]
    pub fn fids_in_use(&self) -> u32 {
        self.fids.in_use()
    }

    /// Calls in flight or owed.
    #[must_use]
    pub fn calls_in_use(&self) -> u32 {
        self.calls.in_use()
    }

    /// What went wrong so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            bad: self.bad.load(Relaxed),
            stray: self.stray.load(Relaxed),
            late: self.late.load(Relaxed),
        }
    }

    fn judge(&self, tag: Tag, reply: &[u8]) -> Result<(), Error> {
        let verdict = verdict(tag, self.calls.expected(tag), reply);
        let answered = matches!(verdict, Ok(()) | Err(Error::Remote(_)));
        self.judge_special(tag, answered);
        if !answered && !reply.is_empty() {
            self.bad.fetch_add(1, Relaxed);
        }
        verdict
    }

    /// What hangs on the end of a clunk or flush.
    fn judge_special(&self, tag: Tag, answered: bool) {
        match self.calls.expected(tag) {
            // Whatever the answer, the fid is forgotten (9P2000, clunk(5)).
            Rclunk::KIND if answered => self.free_fid(Fid(self.calls.about(tag))),
            Rclunk::KIND => self.lose_fid(Fid(self.calls.about(tag))),
            Rflush::KIND => {
                if let Ok(old) = u16::try_from(self.calls.about(tag)) {
                    self.calls.mark(Tag(old), 0, calls::FLUSHING);
                }
            }
            _ => {}
        }
    }
}

/// Whether `reply` answers the call `tag` with a message of the type `expected`.
fn verdict(tag: Tag, expected: u8, reply: &[u8]) -> Result<(), Error> {
    let header = Header::of(reply)?;
    if header.tag != tag {
        return Err(Error::UnexpectedTag {
            expected: tag.0,
            got: header.tag.0,
        });
    }
    if header.kind == Rlerror::KIND {
        let ecode = Rlerror::decode_fields(reply)?.ecode;
        // Linux' numbers end at 4095 (MAX_ERRNO); zero would be no error.
        return match i32::try_from(ecode) {
            Ok(errno @ 1..=4095) => Err(Error::Remote(Errno(errno))),
            _ => Err(Error::BadValue),
        };
    }
    if header.kind != expected {
        return Err(Error::UnexpectedType {
            expected,
            got: header.kind,
        });
    }
    Ok(())
}

/// The session's message size in bytes, from the answer to an offer of `offered`.
///
/// # Errors
/// [`Error::BadVersion`], [`Error::BadMsize`].
pub fn agree(offered: u32, answer: &Rversion<'_>) -> Result<u32, Error> {
    if answer.version.0 != DIALECT {
        return Err(Error::BadVersion);
    }
    if answer.msize < MIN_MSIZE || answer.msize > offered {
        return Err(Error::BadMsize(answer.msize));
    }
    Ok(answer.msize)
}
