//! Ring buffers: records that programs write and the host reads, in the order in which room was made for them.
//!
//! A record begins with a header of 8 bytes: its length in the low 30 bits, [`BUSY`] until it is
//! submitted, [`DISCARD`] if it is not to be read. Records are 8-byte aligned and in one piece: where one
//! does not fit before the end of the memory, a discarded record fills the rest. So of records longer
//! than half the buffer one may be lost although nothing is in the buffer; the next one is not.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::MapError;
use super::block::Block;
use crate::lock::Lock;

/// Bytes of a header.
const HEADER: u64 = 8;

/// The record is being written.
const BUSY: u32 = 1 << 31;

/// The record is to be left out.
const DISCARD: u32 = 1 << 30;

/// Records.
pub struct Ring {
    block: Block,
    /// Bytes that were ever given to records; who writes makes room under the lock.
    produced: Lock<u64>,
    /// As `produced`, for who reads.
    end: AtomicU64,
    /// Bytes that were ever read.
    consumed: AtomicU64,
    /// Records for which there was no room.
    lost: AtomicU32,
}

/// What reading a ring buffer gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// There is nothing to read.
    None,
    /// A record of this length, which is in the caller's buffer.
    Read(usize),
    /// The next record has this length, which the caller's buffer lacks; it was not taken.
    TooLong(usize),
}

impl Ring {
    /// A buffer of so many bytes, a power of two of at least 8.
    ///
    /// # Errors
    /// [`MapError::Memory`].
    pub fn new(bytes: u32) -> Result<Self, MapError> {
        Ok(Self {
            block: Block::new(bytes as usize)?,
            produced: Lock::new(0),
            end: AtomicU64::new(0),
            consumed: AtomicU64::new(0),
            lost: AtomicU32::new(0),
        })
    }

    /// Bytes that it holds at most.
    pub fn size(&self) -> u64 {
        self.block.len() as u64
    }

    /// Bytes that were written or are being written, and not read.
    pub fn available(&self) -> u64 {
        let consumed = self.consumed();
        self.produced_bytes().saturating_sub(consumed)
    }

    /// Bytes that were ever read.
    pub fn consumed(&self) -> u64 {
        self.consumed.load(Ordering::Acquire)
    }

    /// Bytes that were ever given to records.
    pub fn produced_bytes(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    /// Records for which there was no room.
    pub fn lost(&self) -> u32 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Whether an address is in its memory.
    pub fn holds(&self, address: u64) -> bool {
        address.wrapping_sub(self.block.address()) < self.size()
    }

    fn header(&self, position: u64) -> Option<&AtomicU64> {
        self.block.word((position & (self.size() - 1)) as usize)
    }

    fn put_header(&self, position: u64, header: u32) {
        if let Some(word) = self.header(position) {
            word.store(u64::from(header), Ordering::Release);
        }
    }

    /// Makes room for a record. Its address.
    pub fn reserve(&self, len: u64, core: u32) -> Option<u64> {
        let reserved = self.room(len, core);
        if reserved.is_none() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        reserved
    }

    fn room(&self, len: u64, core: u32) -> Option<u64> {
        if len > self.size() - HEADER {
            return None;
        }
        let need = HEADER + len.next_multiple_of(8);
        let header = BUSY | len as u32;
        let position = self.produced.with(core, |produced| {
            let left = self.size() - (*produced & (self.size() - 1));
            let gap = if need > left { left } else { 0 };
            let used = produced.wrapping_sub(self.consumed.load(Ordering::Acquire));
            let fits = used + gap + need <= self.size();
            // A record of more than half the buffer fits only at its beginning: when nothing else is
            // there, the next one will find the way free.
            if gap != 0 && (fits || used == 0) {
                self.put_header(*produced, DISCARD | (gap - HEADER) as u32);
                *produced += gap;
                self.end.store(*produced, Ordering::Release);
            }
            if !fits {
                return None;
            }
            let position = *produced;
            self.put_header(position, header);
            *produced += need;
            self.end.store(*produced, Ordering::Release);
            Some(position)
        })??;
        Some(self.block.address() + (position & (self.size() - 1)) + HEADER)
    }

    /// Ends the writing of a record, which is read then, or left out. False if no record that is being
    /// written is there.
    pub fn commit(&self, address: u64, discard: bool) -> bool {
        let at = address
            .wrapping_sub(self.block.address())
            .wrapping_sub(HEADER);
        if at >= self.size() || !at.is_multiple_of(8) {
            return false;
        }
        let Some(word) = self.block.word(at as usize) else {
            return false;
        };
        let header = word.load(Ordering::Relaxed) as u32;
        if header & BUSY == 0 {
            return false;
        }
        let flag = if discard { DISCARD } else { 0 };
        word.store(u64::from(header & !BUSY | flag), Ordering::Release);
        true
    }

    /// Copies a whole record.
    pub fn output(&self, data: &[u8], core: u32) -> bool {
        let Some(address) = self.reserve(data.len() as u64, core) else {
            return false;
        };
        self.block
            .write((address - self.block.address()) as usize, data);
        self.commit(address, false)
    }

    /// Takes the next record. One reader at a time: the caller sees to that.
    pub fn read(&self, out: &mut [u8]) -> Record {
        loop {
            let position = self.consumed.load(Ordering::Relaxed);
            let produced = self.produced_bytes();
            if position == produced {
                return Record::None;
            }
            let header = self
                .header(position)
                .map_or(BUSY, |word| word.load(Ordering::Acquire) as u32);
            if header & BUSY != 0 {
                return Record::None;
            }
            let len = u64::from(header & !DISCARD);
            let next = position + HEADER + len.next_multiple_of(8);
            if next > produced {
                // A trusted program wrote over a header: what is there now cannot be read.
                self.consumed.store(produced, Ordering::Release);
                return Record::None;
            }
            if header & DISCARD == 0 {
                let Some(out) = out.get_mut(..len as usize) else {
                    return Record::TooLong(len as usize);
                };
                let at = (position & (self.size() - 1)) + HEADER;
                self.block.read(at as usize, out);
            }
            self.consumed.store(next, Ordering::Release);
            if header & DISCARD == 0 {
                return Record::Read(len as usize);
            }
        }
    }
}
