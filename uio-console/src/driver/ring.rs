//! A virtqueue and the buffers that travel through it, one descriptor each.
//!
//! The only file of this crate with unsafe code. A buffer is either free, and then the driver's, or lent, and then the
//! device's; `free` and `slot_of` say which, in memory that the device cannot reach.
//!
//! Of the panics in `VirtQueue` none is reachable: `add` is given one buffer that is not empty, of at most
//! [`SIZE`] at once, so neither the queue is full nor the assertion on lengths fails. `pop_used` is called
//! only with a token that `slot_of` knows to be lent, with the buffer that was added under it, so that the index into its
//! shadow table is in bounds and the chain is as long as expected. It reads the used entry a second time; if the device
//! changed it in between, it says `WrongToken`. Of a used entry's 32-bit id it looks at the lower 16 only, so an id that is
//! wrong in its upper half goes unnoticed, which is harmless.

#![allow(unsafe_code)]

use core::mem;
use core::ptr::NonNull;
use core::sync::atomic::{Ordering, fence};

use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::Transport;
use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

use super::Error;
use super::port::Quiet;

/// Descriptors of each queue, and the most buffers that travel through one.
pub(super) const SIZE: usize = 16;

/// In `slot_of`: no buffer is lent under this token.
const NOT_LENT: u8 = u8::MAX;

/// Who writes the buffers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    FromDevice,
    ToDevice,
}

/// A buffer in DMA memory.
#[derive(Clone, Copy)]
struct Buffer {
    at: NonNull<u8>,
    /// Its length in bytes; 0 if there is no such buffer.
    len: usize,
    /// How many of them were lent last.
    lent: usize,
}

/// Memory from `Hal::dma_alloc`.
#[derive(Clone, Copy)]
struct Block {
    paddr: PhysAddr,
    vaddr: NonNull<u8>,
    pages: usize,
}

/// A buffer that came back from the device.
#[derive(Clone, Copy)]
pub(super) struct Used {
    pub(super) slot: u32,
    /// Bytes that the device wrote, at most the buffer's length.
    pub(super) written: u32,
}

pub(super) struct Ring<H: Hal> {
    /// `None` once retired.
    queue: Option<VirtQueue<H, SIZE>>,
    direction: Direction,
    buffers: [Buffer; SIZE],
    count: usize,
    /// A bit for each buffer that is the driver's.
    free: u32,
    /// The buffer lent under each token.
    slot_of: [u8; SIZE],
    blocks: [Option<Block>; SIZE],
}

// SAFETY: the pointers are to memory that only this ring (and the device) uses; it is not tied to a thread.
unsafe impl<H: Hal> Send for Ring<H> {}

impl<H: Hal> Ring<H> {
    /// Sets up the device's queue, without buffers.
    pub(super) fn new<T: Transport>(
        transport: &mut T,
        index: u16,
        direction: Direction,
    ) -> Result<Self, Error> {
        let queue =
            VirtQueue::new(transport, index, false, false).map_err(|error| match error {
                virtio_drivers::Error::DmaError => Error::NoMemory,
                _ => Error::Queue,
            })?;
        let none = Buffer {
            at: NonNull::dangling(),
            len: 0,
            lent: 0,
        };
        Ok(Self {
            queue: Some(queue),
            direction,
            buffers: [none; SIZE],
            count: 0,
            free: 0,
            slot_of: [NOT_LENT; SIZE],
            blocks: [None; SIZE],
        })
    }

    /// Adds `count` buffers of `len` bytes, in one block of memory. False if there is no memory, or no place for them.
    pub(super) fn grow(&mut self, count: usize, len: usize) -> bool {
        let Some(place) = self.blocks.iter_mut().find(|block| block.is_none()) else {
            return false;
        };
        let Some(new) = self.buffers.get_mut(self.count..self.count + count) else {
            return false;
        };
        let pages = (count * len).div_ceil(PAGE_SIZE);
        let direction = match self.direction {
            Direction::FromDevice => BufferDirection::DeviceToDriver,
            Direction::ToDevice => BufferDirection::DriverToDevice,
        };
        let (paddr, vaddr) = H::dma_alloc(pages, direction);
        if paddr == 0 {
            return false;
        }
        *place = Some(Block {
            paddr,
            vaddr,
            pages,
        });
        for (i, buffer) in new.iter_mut().enumerate() {
            // SAFETY: `i * len` is less than `count * len`, which the block's pages hold.
            let at = unsafe { vaddr.add(i * len) };
            *buffer = Buffer { at, len, lent: 0 };
            self.free |= 1 << (self.count + i);
        }
        self.count += count;
        true
    }

    /// Number of buffers there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Number of buffers that are not lent.
    pub(super) fn free_count(&self) -> usize {
        self.free.count_ones() as usize
    }

    /// One of the buffers that are not lent.
    pub(super) fn free_slot(&self) -> Option<usize> {
        (self.free != 0).then_some(self.free.trailing_zeros() as usize)
    }

    /// A buffer's first bytes, at most `len`, if it is not lent.
    pub(super) fn bytes(&mut self, slot: usize, len: usize) -> Option<&mut [u8]> {
        let buffer = self.buffers.get(slot)?;
        if self.free & (1 << slot) == 0 {
            return None;
        }
        let bytes = NonNull::slice_from_raw_parts(buffer.at, buffer.len.min(len));
        // SAFETY: the memory is initialised (zeroed by `dma_alloc`) and valid until the ring is retired, which takes the free
        // bit away. The device does not have it while that is set, and `&mut self` keeps other references out.
        Some(unsafe { &mut *bytes.as_ptr() })
    }

    /// Lends a buffer's first `len` bytes to the device.
    #[inline]
    pub(super) fn lend(&mut self, slot: usize, len: usize) -> Result<(), Error> {
        let direction = self.direction;
        let at = self.bytes(slot, len).map(NonNull::from);
        let (Some(mut bytes), Some(queue)) = (at.filter(|b| !b.is_empty()), &mut self.queue) else {
            return Err(Error::Broken);
        };
        // SAFETY: `bytes` just checked that the buffer is the driver's, and no other reference to it is alive. It stays
        // allocated, and `bytes` refuses it, until `pop` has popped the token or the device was reset.
        let token = unsafe {
            match direction {
                Direction::FromDevice => queue.add(&[], &mut [bytes.as_mut()]),
                Direction::ToDevice => queue.add(&[bytes.as_ref()], &mut []),
            }
        };
        let Ok(token) = token else {
            return Err(Error::Broken);
        };
        self.free &= !(1 << slot);
        if let Some(buffer) = self.buffers.get_mut(slot) {
            buffer.lent = bytes.len();
        }
        if let Some(entry) = self.slot_of.get_mut(usize::from(token)) {
            *entry = slot as u8;
        }
        Ok(())
    }

    /// Lends every free buffer, up to `len` bytes of each; returns whether there was any.
    pub(super) fn lend_all(&mut self, len: usize) -> Result<bool, Error> {
        let any = self.free != 0;
        while let Some(slot) = self.free_slot() {
            self.lend(slot, len)?;
        }
        Ok(any)
    }

    /// Takes back the next buffer that the device is done with.
    #[inline]
    pub(super) fn pop(&mut self) -> Result<Option<Used>, Error> {
        let Some(queue) = &mut self.queue else {
            return Err(Error::Broken);
        };
        let Some(token) = queue.peek_used() else {
            return Ok(None);
        };
        let Some(entry) = self.slot_of.get_mut(usize::from(token)) else {
            return Err(Error::Broken);
        };
        let slot = u32::from(*entry);
        let Some(buffer) = self.buffers.get(slot as usize) else {
            return Err(Error::Broken); // Among them `NOT_LENT`.
        };
        let mut bytes = NonNull::slice_from_raw_parts(buffer.at, buffer.lent);
        // SAFETY: `slot_of` says that this very buffer was added under this token and has not been popped since. No
        // reference to it is alive: `bytes` gives none to a buffer that is lent.
        let written = unsafe {
            match self.direction {
                Direction::FromDevice => queue.pop_used(token, &[], &mut [bytes.as_mut()]),
                Direction::ToDevice => queue.pop_used(token, &[bytes.as_ref()], &mut []),
            }
        };
        let Ok(written) = written else {
            return Err(Error::Broken);
        };
        *entry = NOT_LENT;
        self.free |= 1 << slot;
        if written as usize > bytes.len() {
            return Err(Error::Broken);
        }
        Ok(Some(Used { slot, written }))
    }

    /// Whether the device wants to be told of what was lent.
    pub(super) fn wants_notification(&self) -> bool {
        // The device sets its wish and then looks at the ring; so the ring must be seen before the wish is read.
        fence(Ordering::SeqCst);
        self.queue.as_ref().is_some_and(VirtQueue::should_notify)
    }

    /// Whether the device shall interrupt when it is done with a buffer. What it was done with before this call must be
    /// looked for after it.
    pub(super) fn set_interrupts(&mut self, wanted: bool) {
        if let Some(queue) = &mut self.queue {
            queue.set_dev_notify(wanted);
            fence(Ordering::SeqCst);
        }
    }

    /// Frees everything, now that the device does not touch it any more.
    pub(super) fn retire(&mut self, _device: &Quiet) {
        self.queue = None;
        self.count = 0;
        self.free = 0;
        for block in &mut self.blocks {
            if let Some(block) = block.take() {
                // SAFETY: the block is from `dma_alloc`, freed once since it was taken. The device is quiet, and `bytes` gives
                // no reference any more now that no buffer is free.
                unsafe { H::dma_dealloc(block.paddr, block.vaddr, block.pages) };
            }
        }
    }
}

impl<H: Hal> Drop for Ring<H> {
    /// A ring that was not retired may still be the device's: its memory is leaked.
    fn drop(&mut self) {
        mem::forget(self.queue.take());
    }
}
