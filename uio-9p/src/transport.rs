//! The seam between the file system and whatever carries messages.

use crate::error::Error;
use crate::types::Tag;

/// Which of the two messages of a call may be as long as a session's messages can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Large {
    /// Neither: [`SMALL_REQUEST`] and [`SMALL_REPLY`] bytes are enough.
    Neither,
    /// The request, as in a write.
    Request,
    /// The reply, as in a read.
    Reply,
}

/// Room for a request that is not large, in bytes: a walk of sixteen names takes 4,129, and a link's target may have 4,096.
pub const SMALL_REQUEST: usize = 8192;
/// Room for a reply that is not large, in bytes: the longest, of a walk, has 217.
pub const SMALL_REPLY: usize = 4096;

/// A request on its way.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a request is either waited for or detached"]
pub struct Ticket(
    /// Whatever the transport likes.
    pub usize,
);

/// Writes a request into the room given and returns its length.
pub type Fill<'f> = dyn FnMut(&mut [u8]) -> Result<usize, Error> + 'f;
/// Takes a reply.
pub type Take<'f> = dyn FnMut(&[u8]) -> Result<(), Error> + 'f;

/// Carries requests and brings the replies; used by several tasks at once.
pub trait Transport: Send + Sync {
    /// The longest message in bytes.
    fn max_message(&self) -> u32;

    /// Sends the request that `fill` writes. If there is no room for it now, waits for room, or fails if not `may_wait`.
    ///
    /// # Errors
    /// [`Error::Busy`] if there is no room and not `may_wait`, or if [`Transport::reclaim`] would make room;
    /// [`Error::Timeout`] if none came; [`Error::Broken`], [`Error::NoMemory`]; what `fill` says. The request is then not
    /// sent.
    fn submit(
        &self,
        tag: Tag,
        large: Large,
        may_wait: bool,
        fill: &mut Fill<'_>,
    ) -> Result<Ticket, Error>;

    /// Waits for the reply, and hands it to `take`.
    ///
    /// # Errors
    /// What `take` says; or, `take` not having been called, [`Error::Timeout`] or [`Error::Broken`], and the request is
    /// then detached.
    fn wait(&self, ticket: Ticket, take: &mut Take<'_>) -> Result<(), Error>;

    /// Says that nobody will wait for this reply. Never blocks.
    fn detach(&self, ticket: Ticket);

    /// Tells which detached requests are over since the last time, each once: with their reply, or with an empty slice
    /// when it is known that there will be none. Never blocks.
    fn reclaim(&self, over: &mut dyn FnMut(Tag, &[u8]));

    /// Blocks the calling task until [`Transport::unpark`], or for some tens of milliseconds; may return early.
    fn park(&self);

    /// Ends a [`Transport::park`], if there is one.
    fn unpark(&self);
}
