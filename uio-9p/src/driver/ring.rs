//! Slots, their buffers, and the queue between them and the device.
//!
//! Invariant: a slot's buffers belong to exactly one side, which its [`State`] names: to the holder of its [`Claim`], to
//! the device, or to nobody. A claim is made only by a change of that state, and cannot be copied.

#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;
use core::sync::atomic::{Ordering::SeqCst, fence};

use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::{DeviceStatus, Transport as Device};
use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

use super::device::QUEUE;
use crate::error::Error;
use crate::msg::HEADER;
use crate::transport::{Large, SMALL_REPLY, SMALL_REQUEST};
use crate::types::Tag;

/// Most requests with the device at a time.
pub const SLOTS: usize = 8;
/// Two descriptors a request.
const QUEUE_SIZE: usize = 2 * SLOTS;

/// Memory that the device knows.
struct Pages {
    paddr: PhysAddr,
    vaddr: NonNull<u8>,
    count: usize,
}

/// A slot's memory, as far as it was needed yet.
struct Memory {
    /// For a small request and a small reply behind it.
    small: Option<Pages>,
    /// For a large message.
    large: Option<Pages>,
}

/// A slot's buffers.
pub(super) struct Buffers<H: Hal> {
    memory: UnsafeCell<Memory>,
    _hal: PhantomData<fn() -> H>,
}

// SAFETY: the cell is accessed only with the slot's `Claim`, of which there is one at most, or with `&mut self`.
unsafe impl<H: Hal> Sync for Buffers<H> {}
// SAFETY: `Hal` memory is not tied to a thread.
unsafe impl<H: Hal> Send for Buffers<H> {}

impl<H: Hal> Buffers<H> {
    pub(super) const fn new() -> Self {
        Self {
            memory: UnsafeCell::new(Memory {
                small: None,
                large: None,
            }),
            _hal: PhantomData,
        }
    }

    /// Where request and reply go, with messages of at most `msize` bytes; allocates at the first time.
    fn halves(&self, _of: &Claim, msize: u32, large: Large) -> Result<Flight, Error> {
        // SAFETY: the claim makes the caller the only one to access this slot's cell.
        let memory = unsafe { &mut *self.memory.get() };
        let small = pages::<H>(&mut memory.small, SMALL_REQUEST + SMALL_REPLY)?;
        // SAFETY: the allocation is longer than `SMALL_REQUEST` bytes.
        let behind = unsafe { small.add(SMALL_REQUEST) };
        let mut flight = Flight {
            token: 0,
            tag: Tag::NONE,
            request: NonNull::slice_from_raw_parts(small, SMALL_REQUEST),
            reply: NonNull::slice_from_raw_parts(behind, SMALL_REPLY),
        };
        let whole = match large {
            Large::Neither => return Ok(flight),
            Large::Request => &mut flight.request,
            Large::Reply => &mut flight.reply,
        };
        let room = msize as usize;
        *whole = NonNull::slice_from_raw_parts(pages::<H>(&mut memory.large, room)?, room);
        Ok(flight)
    }

    /// Writes a request with `fill`, and makes it ready to be sent.
    pub(super) fn fill(
        &self,
        claim: &mut Claim,
        msize: u32,
        large: Large,
        fill: &mut dyn FnMut(&mut [u8]) -> Result<usize, Error>,
    ) -> Result<Flight, Error> {
        let mut flight = self.halves(claim, msize, large)?;
        // SAFETY: the slot's memory lives as long as the driver, is the claim's owner's alone, and `&mut Claim` is borrowed
        // for as long as these references live; the halves do not overlap.
        let (request, reply) = unsafe { (flight.request.as_mut(), flight.reply.as_mut()) };
        let len = fill(request)?;
        // What an earlier reply left there must not pass for this one's.
        if let Some(header) = reply.first_chunk_mut::<HEADER>() {
            *header = [0; HEADER];
        }
        let request = request.get(..len).filter(|request| !request.is_empty());
        flight.request = request.ok_or(Error::BadValue)?.into();
        Ok(flight)
    }

    /// Frees the memory, which the device must not know any more.
    pub(super) fn free(&mut self) {
        let Memory { small, large } = self.memory.get_mut();
        for pages in [small, large].into_iter().filter_map(Option::take) {
            // SAFETY: allocated by `pages` with these values, and taken out, so freed once.
            unsafe { H::dma_dealloc(pages.paddr, pages.vaddr, pages.count) };
        }
    }
}

/// The address of memory of at least `len` bytes, allocated if there is none yet.
fn pages<H: Hal>(memory: &mut Option<Pages>, len: usize) -> Result<NonNull<u8>, Error> {
    if let Some(pages) = memory {
        return Ok(pages.vaddr);
    }
    let count = len.div_ceil(PAGE_SIZE);
    let (paddr, vaddr) = H::dma_alloc(count, BufferDirection::Both);
    if paddr == 0 {
        return Err(Error::NoMemory);
    }
    *memory = Some(Pages {
        paddr,
        vaddr,
        count,
    });
    Ok(vaddr)
}

/// The right to a slot's buffers.
pub(super) struct Claim {
    slot: usize,
}

impl Claim {
    pub(super) fn slot(&self) -> usize {
        self.slot
    }
}

/// A reply that came, with the right to its slot.
pub(super) struct Reply {
    pub(super) claim: Claim,
    pub(super) tag: Tag,
    bytes: NonNull<[u8]>,
}

impl Reply {
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: the slot's memory lives as long as the driver, and is the claim's owner's alone, who is borrowed.
        unsafe { self.bytes.as_ref() }
    }
}

/// A request and the room for its reply.
#[derive(Clone, Copy)]
pub(super) struct Flight {
    token: u16,
    tag: Tag,
    request: NonNull<[u8]>,
    reply: NonNull<[u8]>,
}

// SAFETY: the pointers are to `Hal` memory, which is not tied to a thread.
unsafe impl Send for Flight {}

#[derive(Clone, Copy)]
enum State {
    Free,
    /// A `Claim` is out.
    Claimed,
    /// With the device; `waited` for or not.
    Flying(Flight, bool),
    /// The device has answered, with that many bytes in `Flight::reply`.
    Done(Flight, bool),
}

/// Who is to be woken.
#[derive(Clone, Copy, Default)]
pub(super) struct Wakes {
    /// Bits of slots.
    pub(super) slots: u32,
    /// How many of those who wait for a slot.
    pub(super) free: u32,
}

impl Wakes {
    pub(super) fn is_empty(self) -> bool {
        self.slots == 0 && self.free == 0
    }
}

/// What the lock guards.
pub(super) struct Ring<H: Hal, T: Device> {
    queue: ManuallyDrop<VirtQueue<H, QUEUE_SIZE>>,
    pub(super) device: T,
    slots: [State; SLOTS],
    /// How many of them may be used.
    limit: usize,
    /// Bits of slots whose request was not answered in time, and still is not.
    overdue: u32,
    /// Tasks that wait for a slot.
    pub(super) waiters: u32,
    broken: bool,
    /// Everyone was woken to see that it is broken.
    told: bool,
}

impl<H: Hal, T: Device> Ring<H, T> {
    pub(super) fn new(queue: VirtQueue<H, QUEUE_SIZE>, device: T, limit: usize) -> Self {
        Self {
            queue: ManuallyDrop::new(queue),
            device,
            slots: [State::Free; SLOTS],
            limit: limit.clamp(1, SLOTS),
            overdue: 0,
            waiters: 0,
            broken: false,
            told: false,
        }
    }

    /// Frees the queue's memory, which the device must not know any more. For the driver's end, once.
    pub(super) fn free(&mut self) {
        // SAFETY: called once, by the driver's `drop`, after which nothing uses the ring.
        unsafe { ManuallyDrop::drop(&mut self.queue) };
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Takes a free slot.
    ///
    /// # Errors
    /// [`Error::Busy`] when none is free now; [`Error::Timeout`] when every one is with a device that was given up on.
    pub(super) fn claim(&mut self) -> Result<Claim, Error> {
        if self.broken {
            return Err(Error::Broken);
        }
        for (slot, state) in self.slots.iter_mut().enumerate().take(self.limit) {
            if matches!(state, State::Free) {
                *state = State::Claimed;
                return Ok(Claim { slot });
            }
        }
        Err(if self.overdue.count_ones() as usize == self.limit {
            Error::Timeout
        } else {
            Error::Busy
        })
    }

    /// Whether a request that nobody waits for is over, and keeps a slot until it is taken in.
    pub(super) fn has_late(&self) -> bool {
        let late = |state: &State| matches!(state, State::Done(_, false));
        self.slots.iter().any(late)
    }

    /// Gives back a slot.
    pub(super) fn release(&mut self, claim: Claim) -> Wakes {
        if let Some(state) = self.slots.get_mut(claim.slot) {
            *state = State::Free;
        }
        Wakes {
            slots: 0,
            free: self.waiters.min(1),
        }
    }

    /// Hands a request to the device.
    ///
    /// # Errors
    /// [`Error::Broken`]; the claim is then still the caller's.
    pub(super) fn send(
        &mut self,
        claim: Claim,
        tag: Tag,
        mut flight: Flight,
    ) -> Result<usize, (Error, Claim)> {
        if self.broken {
            return Err((Error::Broken, claim));
        }
        // SAFETY: both halves are of the slot's memory, which lives until the device is reset, and which nobody touches
        // until `pop_used`: the claim ends here, and the next one is made after that.
        let added = unsafe {
            let (request, reply) = (flight.request.as_ref(), flight.reply.as_mut());
            self.queue.add(&[request], &mut [reply])
        };
        let Ok(token) = added else {
            // There are descriptors for every slot.
            self.broken = true;
            return Err((Error::Broken, claim));
        };
        flight.token = token;
        flight.tag = tag;
        if let Some(state) = self.slots.get_mut(claim.slot) {
            *state = State::Flying(flight, true);
        }
        // The new index must be visible before the device's wish for notifications is read (VIRTIO 1.2, 2.7.13.4.1).
        fence(SeqCst);
        if self.queue.should_notify() {
            self.device.notify(QUEUE);
        }
        Ok(claim.slot)
    }

    /// The reply in a slot, if it came and is waited for.
    ///
    /// # Errors
    /// [`Error::Broken`] if it will not come.
    pub(super) fn reply(&mut self, slot: usize) -> Result<Option<Reply>, Error> {
        match self.slots.get(slot) {
            Some(State::Done(_, true)) => Ok(self.take(slot)),
            Some(State::Flying(_, true)) if !self.broken => Ok(None),
            _ => {
                self.detach(slot);
                Err(Error::Broken)
            }
        }
    }

    /// A reply that nobody waits for.
    pub(super) fn late(&mut self) -> Option<Reply> {
        let late = |state: &State| matches!(state, State::Done(_, false));
        let slot = self.slots.iter().position(late)?;
        self.take(slot)
    }

    fn take(&mut self, slot: usize) -> Option<Reply> {
        let state = self.slots.get_mut(slot)?;
        let State::Done(flight, _) = *state else {
            return None;
        };
        *state = State::Claimed;
        Some(Reply {
            claim: Claim { slot },
            tag: flight.tag,
            bytes: flight.reply,
        })
    }

    /// Says that nobody waits for this slot's reply any more. If it is there already, it is late at once, and who waits
    /// for a slot can take it in.
    pub(super) fn detach(&mut self, slot: usize) -> Wakes {
        let mut wakes = Wakes::default();
        match self.slots.get_mut(slot) {
            Some(State::Flying(_, waited)) => *waited = false,
            Some(State::Done(_, waited)) => {
                *waited = false;
                wakes.free = self.waiters.min(1);
            }
            _ => {}
        }
        wakes
    }

    /// Detaches a request that was not answered in time.
    pub(super) fn give_up(&mut self, slot: usize) {
        self.detach(slot);
        self.overdue |= 1 << slot;
    }

    /// Takes in what the device has returned.
    pub(super) fn reap(&mut self) -> Wakes {
        let mut wakes = Wakes::default();
        // No more than are with the device, whatever its index says.
        for _ in 0..SLOTS {
            if self.broken {
                break;
            }
            let Some(token) = self.queue.peek_used() else {
                break;
            };
            match self.returned(token) {
                Some((slot, true)) => wakes.slots |= 1 << slot,
                Some((_, false)) => wakes.free = self.waiters.min(1),
                None => self.broken = true,
            }
        }
        if self.broken && !self.told {
            self.told = true;
            wakes.slots = (1 << SLOTS) - 1;
            wakes.free = self.waiters;
        }
        wakes
    }

    /// Takes back the request with this token. Its slot, and whether it is waited for; `None` if the device has no such
    /// request.
    fn returned(&mut self, token: u16) -> Option<(usize, bool)> {
        for (slot, state) in self.slots.iter_mut().enumerate() {
            let State::Flying(mut flight, waited) = *state else {
                continue;
            };
            if flight.token != token {
                continue;
            }
            // SAFETY: the same halves as in `send`, still the device's, so nobody else has a reference to them.
            let len = unsafe {
                let (request, reply) = (flight.request.as_ref(), flight.reply.as_mut());
                self.queue.pop_used(token, &[request], &mut [reply]).ok()?
            };
            // A length beyond the buffer is a lie: then there is no reply.
            let room = flight.reply.len();
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            let len = if len > room { 0 } else { len };
            flight.reply = NonNull::slice_from_raw_parts(flight.reply.cast(), len);
            *state = State::Done(flight, waited);
            self.overdue &= !(1 << slot);
            return Some((slot, waited));
        }
        None
    }

    /// Takes note if the device says that it broke down (VIRTIO 1.2, 2.1.2).
    pub(super) fn check_device(&mut self) {
        let status = self.device.get_status();
        self.broken |= status.contains(DeviceStatus::DEVICE_NEEDS_RESET);
    }
}
