//! Which value belongs to which key: chains in a fixed pool of entries.
//!
//! The pool's entries have numbers, and so have their values; an entry keeps its number as long as it
//! exists. Entries that were deleted are used again in the order in which they were deleted.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU64, Ordering};

use super::MapError;
use super::block::{boxed, from_bytes};
use crate::errno::Errno;

/// No entry.
const NONE: u32 = u32::MAX;

/// An entry.
#[derive(Clone, Copy)]
struct Node {
    /// The next one in its chain, or the next free one.
    next: u32,
    /// The hash of its key.
    hash: u32,
    /// The one used after it.
    newer: u32,
    /// The one used before it.
    older: u32,
    /// Whether it exists.
    used: bool,
}

/// The keys of a map.
pub struct Keys {
    heads: Box<[u32]>,
    nodes: Box<[Node]>,
    keys: Box<[u8]>,
    key_size: usize,
    seed: u64,
    /// The entry that was deleted first, and the last one.
    free: Ends,
    /// The entry that was used last, and the one not used for longest.
    used: Ends,
    count: u32,
    /// Makes room for new entries.
    evicts: bool,
}

/// The two ends of a list.
#[derive(Clone, Copy)]
struct Ends {
    first: u32,
    last: u32,
}

/// What becomes of a key that is to be there.
pub enum Place {
    /// It was there.
    Old(u32),
    /// It was not, and is now.
    New(u32),
}

impl Keys {
    /// How many bytes it takes.
    pub fn bytes(key_size: u32, count: u32) -> Option<u64> {
        let node = size_of::<Node>() as u64 + u64::from(key_size);
        let heads = 4 * u64::from(count.checked_next_power_of_two()?);
        node.checked_mul(u64::from(count))?.checked_add(heads)
    }

    /// Room for `count` keys.
    ///
    /// # Errors
    /// [`MapError::Memory`], [`MapError::Size`].
    pub fn new(key_size: u32, count: u32, evicts: bool) -> Result<Self, MapError> {
        let heads = count.checked_next_power_of_two().ok_or(MapError::Size)?;
        let bytes = (key_size as usize)
            .checked_mul(count as usize)
            .ok_or(MapError::Size)?;
        let mut next = 0;
        let nodes = boxed(count as usize, || {
            next += 1;
            Node {
                next: if next == count { NONE } else { next },
                hash: 0,
                newer: NONE,
                older: NONE,
                used: false,
            }
        })?;
        let keys = boxed(bytes, || 0)?;
        Ok(Self {
            seed: seed(keys.as_ptr().addr() as u64),
            heads: boxed(heads as usize, || NONE)?,
            nodes,
            keys,
            key_size: key_size as usize,
            free: Ends {
                first: 0,
                last: count.saturating_sub(1),
            },
            used: Ends {
                first: NONE,
                last: NONE,
            },
            count: 0,
            evicts,
        })
    }

    /// How many entries exist.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The entry of a key; it counts as used now if `uses`.
    #[inline]
    pub fn find(&mut self, key: &[u8], uses: bool) -> Option<u32> {
        let hash = self.hash(key);
        let found = self.search(key, hash)?;
        if uses && self.evicts && self.used.first != found {
            self.unlink(found);
            self.link(found);
        }
        Some(found)
    }

    /// The key of an entry, if that exists.
    pub fn key(&self, index: u32) -> Option<&[u8]> {
        self.node(index).filter(|node| node.used)?;
        Some(self.key_of(index))
    }

    /// Has a key be there.
    ///
    /// # Errors
    /// As `new` and `old` say what may be; [`Errno::TooBig`] when there is no room.
    pub fn place(&mut self, key: &[u8], new: bool, old: bool) -> Result<Place, Errno> {
        let hash = self.hash(key);
        if let Some(found) = self.search(key, hash) {
            if !old {
                return Err(Errno::Exists);
            }
            if self.evicts {
                self.unlink(found);
                self.link(found);
            }
            return Ok(Place::Old(found));
        }
        if !new {
            return Err(Errno::NoEntry);
        }
        if self.free.first == NONE && self.evicts {
            self.remove(self.used.last);
        }
        let index = self.free.first;
        let Some(&node) = self.node(index) else {
            return Err(Errno::TooBig);
        };
        self.free.first = node.next;
        let from = index as usize * self.key_size;
        if let Some(to) = self.keys.get_mut(from..from + self.key_size) {
            to.iter_mut().zip(key).for_each(|(to, byte)| *to = *byte);
        }
        let chain = self.chain(hash);
        let head = self
            .heads
            .get_mut(chain)
            .map_or(NONE, |head| core::mem::replace(head, index));
        self.change(index, |node| {
            node.next = head;
            node.hash = hash;
            node.used = true;
        });
        self.count += 1;
        if self.evicts {
            self.link(index);
        }
        Ok(Place::New(index))
    }

    /// Takes a key away. The number of what was its entry.
    pub fn delete(&mut self, key: &[u8]) -> Option<u32> {
        let hash = self.hash(key);
        let found = self.search(key, hash)?;
        self.remove(found);
        Some(found)
    }

    #[inline]
    fn node(&self, index: u32) -> Option<&Node> {
        self.nodes.get(index as usize)
    }

    #[inline]
    fn change(&mut self, index: u32, how: impl FnOnce(&mut Node)) {
        if let Some(node) = self.nodes.get_mut(index as usize) {
            how(node);
        }
    }

    #[inline]
    fn chain(&self, hash: u32) -> usize {
        hash as usize & (self.heads.len() - 1)
    }

    #[inline]
    fn key_of(&self, index: u32) -> &[u8] {
        let from = index as usize * self.key_size;
        self.keys
            .get(from..from + self.key_size)
            .unwrap_or_default()
    }

    /// A hash that differs from map to map, so that nobody can choose keys that all meet in one chain.
    #[inline]
    fn hash(&self, key: &[u8]) -> u32 {
        const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut hash = self.seed;
        for word in key.chunks(8) {
            hash = (hash ^ from_bytes(word)).wrapping_mul(FACTOR);
            hash ^= hash >> 32;
        }
        (hash.wrapping_mul(FACTOR) >> 32) as u32
    }

    #[inline]
    fn search(&self, key: &[u8], hash: u32) -> Option<u32> {
        let mut index = *self.heads.get(self.chain(hash))?;
        while let Some(node) = self.node(index) {
            if node.hash == hash && same(self.key_of(index), key) {
                return Some(index);
            }
            index = node.next;
        }
        None
    }

    /// Takes an entry out of its chain and puts it to the free ones.
    fn remove(&mut self, index: u32) {
        let Some(&Node { hash, next, .. }) = self.node(index) else {
            return;
        };
        let chain = self.chain(hash);
        let mut before = NONE;
        let mut at = self.heads.get(chain).copied().unwrap_or(NONE);
        while at != index {
            let Some(node) = self.node(at) else {
                return;
            };
            before = at;
            at = node.next;
        }
        match self.heads.get_mut(chain) {
            Some(head) if before == NONE => *head = next,
            _ => self.change(before, |node| node.next = next),
        }
        if self.evicts {
            self.unlink(index);
        }
        self.change(index, |node| {
            node.next = NONE;
            node.used = false;
        });
        if self.free.first == NONE {
            self.free.first = index;
        } else {
            self.change(self.free.last, |node| node.next = index);
        }
        self.free.last = index;
        self.count -= 1;
    }

    /// Takes an entry out of the order of use.
    fn unlink(&mut self, index: u32) {
        let Some(&Node { newer, older, .. }) = self.node(index) else {
            return;
        };
        if newer == NONE {
            self.used.first = older;
        } else {
            self.change(newer, |node| node.older = older);
        }
        if older == NONE {
            self.used.last = newer;
        } else {
            self.change(older, |node| node.newer = newer);
        }
    }

    /// Makes an entry the one that was used last.
    fn link(&mut self, index: u32) {
        let first = self.used.first;
        self.change(index, |node| {
            node.newer = NONE;
            node.older = first;
        });
        if first == NONE {
            self.used.last = index;
        } else {
            self.change(first, |node| node.newer = index);
        }
        self.used.first = index;
    }
}

/// Whether two keys of the same length are the same.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b)
}

/// A number for a new map's hash.
fn seed(mix: u64) -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0x243f_6a88_85a3_08d3);
    let next = NEXT.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
    (next ^ mix)
        .wrapping_mul(0xbf58_476d_1ce4_e5b9)
        .rotate_left(31)
}
