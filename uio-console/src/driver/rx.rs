//! The receiving half.

use alloc::sync::Arc;

use lock_api::RawMutex;
use virtio_drivers::Hal;
use virtio_drivers::transport::Transport;

use super::port::{Port, Quiet};
use super::ring::Ring;
use super::{Error, RECEIVEQ, RX_LEN};

/// The receiving half of a console: what the host sends, in order.
///
/// The device interrupts whenever it has filled a buffer.
pub struct Rx<H: Hal, T: Transport, R: RawMutex> {
    ring: Ring<H>,
    port: Arc<Port<T, R>>,
}

impl<H: Hal, T: Transport, R: RawMutex> Rx<H, T, R> {
    pub(super) fn new(ring: Ring<H>, port: Arc<Port<T, R>>) -> Self {
        Self { ring, port }
    }

    pub(super) fn port(&self) -> &Arc<Port<T, R>> {
        &self.port
    }

    pub(super) fn retire(&mut self, device: &Quiet) {
        self.ring.retire(device);
    }

    pub(super) fn replace(&mut self, ring: Ring<H>) {
        self.ring = ring;
    }

    /// Hands every piece of the stream that arrived to `each`, in order, and lends the buffers to the device again, with
    /// one notification for all. Returns the number of bytes; 0 if nothing arrived.
    ///
    /// Frames may begin and end anywhere in a piece. Pieces are at most [`RX_LEN`] bytes.
    ///
    /// # Errors
    /// [`Error::Broken`]; what arrived before the device broke was handed over.
    pub fn receive(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<usize, Error> {
        self.port.check()?;
        self.try_receive(each).map_err(|_| self.port.give_up())
    }

    fn try_receive(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<usize, Error> {
        let mut total = 0;
        // No buffer is lent again before all were looked at, so this ends after `RX_BUFFERS` of them, whatever the device says.
        while let Some(used) = self.ring.pop()? {
            if let Some(bytes) = self.ring.bytes(used.slot as usize, used.written as usize)
                && !bytes.is_empty()
            {
                total += bytes.len();
                each(bytes);
            }
        }
        if self.ring.lend_all(RX_LEN)? && self.ring.wants_notification() {
            self.port.with(|transport| transport.notify(RECEIVEQ));
        }
        Ok(total)
    }
}

impl<H: Hal, T: Transport, R: RawMutex> Drop for Rx<H, T, R> {
    fn drop(&mut self) {
        if let Some(device) = self.port.reset() {
            self.ring.retire(&device);
        }
    }
}
