//! The sending half.

use alloc::sync::Arc;

use lock_api::RawMutex;
use virtio_drivers::Hal;
use virtio_drivers::transport::Transport;

use super::port::{Port, Quiet};
use super::ring::Ring;
use super::{Error, TRANSMITQ, TX_BUFFERS, TX_LEN};

/// The sending half of a console.
pub struct Tx<H: Hal, T: Transport, R: RawMutex> {
    ring: Ring<H>,
    port: Arc<Port<T, R>>,
    /// The most buffers to have; less than [`TX_BUFFERS`] once memory ran out.
    limit: usize,
    /// Whether somebody waits for room, so that the device shall interrupt.
    armed: bool,
}

impl<H: Hal, T: Transport, R: RawMutex> Tx<H, T, R> {
    pub(super) fn new(ring: Ring<H>, port: Arc<Port<T, R>>) -> Self {
        Self {
            ring,
            port,
            limit: TX_BUFFERS,
            armed: false,
        }
    }

    pub(super) fn port(&self) -> &Arc<Port<T, R>> {
        &self.port
    }

    pub(super) fn retire(&mut self, device: &Quiet) {
        self.ring.retire(device);
    }

    pub(super) fn replace(&mut self, ring: Ring<H>) {
        self.ring = ring;
        self.limit = TX_BUFFERS;
        self.armed = false;
    }

    /// Sends what `fill` writes, if there is room for it now. `fill` gets `len` bytes of a DMA buffer with any
    /// content, and returns how many of them, from the first, to send; 0 sends nothing. It is not called on error.
    ///
    /// # Errors
    /// [`Error::Full`] (see [`Self::arm`]), [`Error::TooLong`] if `len` is more than [`TX_LEN`], [`Error::NoMemory`] if
    /// there is none for a first buffer, [`Error::Broken`].
    pub fn try_send(
        &mut self,
        len: usize,
        fill: &mut dyn FnMut(&mut [u8]) -> usize,
    ) -> Result<(), Error> {
        self.port.check()?;
        if len > TX_LEN {
            return Err(Error::TooLong);
        }
        let slot = match self.ring.free_slot() {
            Some(slot) => slot,
            None => self.make_room()?,
        };
        let filled = match self.ring.bytes(slot, len) {
            Some(bytes) => fill(bytes).min(len),
            None => 0,
        };
        if filled == 0 {
            return Ok(());
        }
        self.ring
            .lend(slot, filled)
            .map_err(|_| self.port.give_up())?;
        if self.ring.wants_notification() {
            self.port.with(|transport| transport.notify(TRANSMITQ));
        }
        Ok(())
    }

    /// Takes back the buffers that the device has sent; returns how many.
    ///
    /// [`Self::try_send`] does so by itself when it needs one.
    ///
    /// # Errors
    /// [`Error::Broken`]
    pub fn reap(&mut self) -> Result<usize, Error> {
        self.port.check()?;
        let mut count = 0;
        // Nothing is lent in between, so this ends after `TX_BUFFERS`, whatever the device says.
        while self.ring.pop().map_err(|_| self.port.give_up())?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// Number of frames that are certain to find room, without looking whether the device has sent more meanwhile. More
    /// may if memory allows.
    pub fn free(&self) -> usize {
        self.ring.free_count()
    }

    /// Asks for an interrupt when there is room, after [`Error::Full`]. Returns true if there is room now, and no
    /// interrupt to wait for.
    ///
    /// # Errors
    /// [`Error::Broken`]: nothing to wait for either.
    pub fn arm(&mut self) -> Result<bool, Error> {
        self.port.check()?;
        self.set_armed(true);
        self.completed()
    }

    /// What to do after an interrupt: takes back what the device has sent. Returns whether somebody asked for room
    /// ([`Self::arm`]) and there is some; everyone who waits may then try, and the device does not interrupt
    /// any more until somebody asks again.
    ///
    /// # Errors
    /// [`Error::Broken`]: everyone who waits must be told.
    pub fn completed(&mut self) -> Result<bool, Error> {
        self.reap()?;
        let room = self.armed && (self.free() != 0 || self.ring.count() < self.limit);
        if room {
            self.set_armed(false);
        }
        Ok(room)
    }

    fn set_armed(&mut self, armed: bool) {
        self.armed = armed;
        self.ring.set_interrupts(armed);
    }

    /// A free buffer: one that came back, or else a new one.
    fn make_room(&mut self) -> Result<usize, Error> {
        self.reap()?;
        if let Some(slot) = self.ring.free_slot() {
            return Ok(slot);
        }
        if self.ring.count() < self.limit && !self.ring.grow(1, TX_LEN) {
            if self.ring.count() == 0 {
                return Err(Error::NoMemory);
            }
            self.limit = self.ring.count();
        }
        self.ring.free_slot().ok_or(Error::Full)
    }
}

impl<H: Hal, T: Transport, R: RawMutex> Drop for Tx<H, T, R> {
    fn drop(&mut self) {
        if let Some(device) = self.port.reset() {
            self.ring.retire(&device);
        }
    }
}
