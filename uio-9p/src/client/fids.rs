//! The pool of fids.

use core::sync::atomic::{
    AtomicU32,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};

use crate::types::Fid;

/// Most fids in use at a time, the root's among them.
pub const MAX_FIDS: usize = 256;

const WORDS: usize = MAX_FIDS / 32;

/// Two bits a fid: taken, and set aside because the server's view of it is not known.
pub(super) struct Fids {
    taken: [AtomicU32; WORDS],
    lost: [AtomicU32; WORDS],
    /// How many are set aside.
    count: AtomicU32,
}

#[allow(clippy::declare_interior_mutable_const)] // only to fill the tables
const NONE: AtomicU32 = AtomicU32::new(0);

impl Fids {
    pub(super) const fn new() -> Self {
        let mut taken = [NONE; WORDS];
        taken[0] = AtomicU32::new(1 << Fid::ROOT.0);
        Self {
            taken,
            lost: [NONE; WORDS],
            count: NONE,
        }
    }

    pub(super) fn take(&self) -> Option<Fid> {
        for (index, word) in self.taken.iter().enumerate() {
            // Sets the lowest bit that is clear, if there is one.
            let old = word.fetch_update(AcqRel, Relaxed, |bits| {
                bits.checked_add(1).map(|next| bits | next)
            });
            if let Ok(bits) = old {
                return Some(Fid(index as u32 * 32 + bits.trailing_ones()));
            }
        }
        None
    }

    pub(super) fn free(&self, fid: Fid) {
        if let Some(word) = self.taken.get(fid.0 as usize / 32) {
            word.fetch_and(!(1 << (fid.0 % 32)), Release);
        }
    }

    pub(super) fn lose(&self, fid: Fid) {
        if let Some(word) = self.lost.get(fid.0 as usize / 32) {
            word.fetch_or(1 << (fid.0 % 32), Release);
            self.count.fetch_add(1, Release);
        }
    }

    pub(super) fn take_lost(&self) -> Option<Fid> {
        if self.count.load(Acquire) == 0 {
            return None;
        }
        for (index, word) in self.lost.iter().enumerate() {
            let old = word.fetch_update(AcqRel, Acquire, |bits| {
                (bits != 0).then(|| bits & (bits - 1))
            });
            if let Ok(bits) = old {
                self.count.fetch_sub(1, Release);
                return Some(Fid(index as u32 * 32 + bits.trailing_zeros()));
            }
        }
        None
    }

    pub(super) fn in_use(&self) -> u32 {
        let count = |word: &AtomicU32| word.load(Relaxed).count_ones();
        self.taken.iter().map(count).sum()
    }
}
