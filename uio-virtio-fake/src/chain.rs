//! Chains of buffers as the device sees them.

use crate::device::Shared;
use crate::queue::DeviceQueue;
use crate::world::Inside;
use std::sync::Arc;
use virtio_drivers::PhysAddr;

/// One part of a chain: a range of memory that the driver lent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Segment {
    /// Its fake physical address.
    pub paddr: PhysAddr,
    /// Its length in bytes.
    pub len: u32,
    /// Whether the device may write it (and not read it) or read it (and not write it).
    pub writable: bool,
}

/// A chain of buffers that the driver made available: first what the device reads, then what it writes.
pub struct Chain {
    shared: Arc<Shared>,
    index: u16,
    head: u16,
    segments: Vec<Segment>,
}

impl Chain {
    pub(crate) fn new(shared: Arc<Shared>, index: u16, head: u16, segments: Vec<Segment>) -> Self {
        Self {
            shared,
            index,
            head,
            segments,
        }
    }

    /// The number of its first descriptor, by which it is pushed used.
    #[must_use]
    pub fn head(&self) -> u16 {
        self.head
    }

    /// Its parts.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    fn len(&self, writable: bool) -> usize {
        self.segments
            .iter()
            .filter(|s| s.writable == writable)
            .map(|s| s.len as usize)
            .sum()
    }

    /// Bytes that the device may read.
    #[must_use]
    pub fn readable_len(&self) -> usize {
        self.len(false)
    }

    /// Bytes that the device may write.
    #[must_use]
    pub fn writable_len(&self) -> usize {
        self.len(true)
    }

    /// Everything that the device may read. Parts that the driver does not share read as zeros (and are a violation).
    #[must_use]
    pub fn read(&self) -> Vec<u8> {
        let _inside = Inside::enter();
        let mut all = Vec::with_capacity(self.readable_len());
        for segment in self.segments.iter().filter(|s| !s.writable) {
            let at = all.len();
            all.resize(at + segment.len as usize, 0);
            self.shared
                .world
                .memory()
                .read(segment.paddr, &mut all[at..]);
        }
        all
    }

    /// Writes into the writable parts, `offset` bytes from their start, as much as fits; returns how much did.
    pub fn write(&self, offset: usize, bytes: &[u8]) -> usize {
        let _inside = Inside::enter();
        let (mut skip, mut rest) = (offset, bytes);
        for segment in self.segments.iter().filter(|s| s.writable) {
            let len = segment.len as usize;
            if skip >= len {
                skip -= len;
                continue;
            }
            let (now, later) = rest.split_at(rest.len().min(len - skip));
            self.shared
                .world
                .memory()
                .write(segment.paddr + skip as u64, now);
            (skip, rest) = (0, later);
        }
        bytes.len() - rest.len()
    }

    /// Pushes it used, with `len` bytes written.
    pub fn complete(self, len: u32) {
        DeviceQueue::new(self.shared, self.index).push_used(self.head, len);
    }
}
