//! Tags and what is expected of them.

use core::sync::atomic::{
    AtomicU32,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};

use crate::error::Error;
use crate::msg::Rversion;
use crate::types::Tag;

/// Most calls in flight or owed at a time.
pub const MAX_CALLS: usize = 64;

/// Nobody waits for the reply.
pub(super) const GIVEN_UP: u32 = 0x100;
/// The reply came, or will never come.
pub(super) const OVER: u32 = 0x200;
/// A `Tflush` for this tag is under way.
pub(super) const FLUSHING: u32 = 0x400;

struct Call {
    /// Type of the expected reply (0: the tag is free) and the bits above.
    state: AtomicU32,
    /// The fid of a clunk, the tag of a flush.
    about: AtomicU32,
}

impl Call {
    #[allow(clippy::declare_interior_mutable_const)] // only to fill the table
    const FREE: Self = Self {
        state: AtomicU32::new(0),
        about: AtomicU32::new(0),
    };
}

/// The table of calls: one entry a tag, and one for [`Tag::NONE`].
pub(super) struct Calls {
    table: [Call; MAX_CALLS + 1],
    /// Where the search for a free tag starts: tags go round, so that one is not taken again at once.
    next: AtomicU32,
    /// Calls given up and not yet over.
    owed: AtomicU32,
}

impl Calls {
    pub(super) const fn new() -> Self {
        Self {
            table: [Call::FREE; MAX_CALLS + 1],
            next: AtomicU32::new(0),
            owed: AtomicU32::new(0),
        }
    }

    fn call(&self, tag: Tag) -> Option<&Call> {
        if tag == Tag::NONE {
            return self.table.last();
        }
        self.table.get(..MAX_CALLS)?.get(usize::from(tag.0))
    }

    /// Takes a free tag, for a reply of type `expected`.
    pub(super) fn begin(&self, expected: u8, about: u32) -> Result<Tag, Error> {
        if expected == Rversion::KIND {
            return self
                .claim(Tag::NONE, expected, about)
                .ok_or(Error::OutOfTags);
        }
        for _ in 0..MAX_CALLS {
            let tag = self.next.fetch_add(1, Relaxed) % MAX_CALLS as u32;
            if let Some(tag) = self.claim(Tag(tag as u16), expected, about) {
                return Ok(tag);
            }
        }
        Err(Error::OutOfTags)
    }

    fn claim(&self, tag: Tag, expected: u8, about: u32) -> Option<Tag> {
        let call = self.call(tag)?;
        call.state
            .compare_exchange(0, u32::from(expected), AcqRel, Relaxed)
            .ok()?;
        call.about.store(about, Release);
        Some(tag)
    }

    /// Type of the reply that `tag` waits for; 0 if it is not in use.
    pub(super) fn expected(&self, tag: Tag) -> u8 {
        self.call(tag)
            .map_or(0, |call| call.state.load(Acquire).to_le_bytes()[0])
    }

    pub(super) fn about(&self, tag: Tag) -> u32 {
        self.call(tag).map_or(0, |call| call.about.load(Acquire))
    }

    /// Frees the tag of a call that its owner saw to its end.
    pub(super) fn end(&self, tag: Tag) {
        if let Some(call) = self.call(tag) {
            call.state.store(0, Release);
        }
    }

    /// Sets and clears bits, and frees the tag when nothing speaks against it any more.
    pub(super) fn mark(&self, tag: Tag, set: u32, clear: u32) {
        let Some(call) = self.call(tag) else { return };
        if set & GIVEN_UP != 0 {
            self.owed.fetch_add(1, AcqRel);
        }
        let settled = |bits| bits & (GIVEN_UP | OVER | FLUSHING) == GIVEN_UP | OVER;
        let old = call.state.fetch_update(AcqRel, Acquire, |old| {
            let bits = (old | set) & !clear;
            Some(if settled(bits) { 0 } else { bits })
        });
        if old.is_ok_and(|old| settled((old | set) & !clear)) {
            self.owed.fetch_sub(1, AcqRel);
        }
    }

    pub(super) fn owed(&self) -> u32 {
        self.owed.load(Acquire)
    }

    pub(super) fn in_use(&self) -> u32 {
        let used = |call: &&Call| call.state.load(Relaxed) != 0;
        self.table.iter().filter(used).count() as u32
    }
}
