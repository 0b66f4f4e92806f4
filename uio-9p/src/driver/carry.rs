//! The driver as the file system's transport.

use lock_api::RawMutex;
use virtio_drivers::Hal;
use virtio_drivers::transport::Transport as Device;

use super::ring::{Claim, SLOTS};
use super::{Driver, PLACE_FREE, PLACE_PARK};
use crate::error::Error;
use crate::transport::{Fill, Large, Take, Ticket, Transport};
use crate::types::Tag;

/// How long to sleep before the ring is looked at without an interrupt, in milliseconds: one may get lost.
const POLL_MS: u32 = 1000;
/// Longest [`Transport::park`] in milliseconds.
const PARK_MS: u32 = 50;

impl<H: Hal, T: Device, R: RawMutex> Driver<H, T, R> {
    /// Sleeps at `place`, and takes the time off `left`. Without a wake-up, looks whether an interrupt got lost.
    fn sleep(&self, place: usize, left: &mut u32) {
        let step = POLL_MS.min(*left);
        if self.wait.wait(place, Some(step)) {
            return;
        }
        *left -= step;
        let mut ring = self.ring.lock();
        ring.check_device();
        let wakes = ring.reap();
        drop(ring);
        self.wake(wakes);
    }

    /// A slot, waited for if need be.
    fn claim(&self, may_wait: bool) -> Result<Claim, Error> {
        let mut left = self.options.timeout_ms;
        loop {
            let mut ring = self.ring.lock();
            match ring.claim() {
                Err(Error::Busy) if may_wait && !ring.has_late() => {}
                result => return result,
            }
            if left == 0 {
                return Err(Error::Timeout);
            }
            ring.waiters += 1;
            drop(ring);
            self.sleep(PLACE_FREE, &mut left);
            self.ring.lock().waiters -= 1;
        }
    }

    fn release(&self, claim: Claim) {
        let wakes = self.ring.lock().release(claim);
        self.wake(wakes);
    }
}

impl<H: Hal, T: Device + Send, R: RawMutex + Send + Sync> Transport for Driver<H, T, R> {
    fn max_message(&self) -> u32 {
        self.options.msize
    }

    fn submit(
        &self,
        tag: Tag,
        large: Large,
        may_wait: bool,
        fill: &mut Fill<'_>,
    ) -> Result<Ticket, Error> {
        let mut claim = self.claim(may_wait)?;
        let buffers = self.buffers.get(claim.slot()).ok_or(Error::Broken)?;
        let sent = match buffers.fill(&mut claim, self.options.msize, large, fill) {
            Ok(flight) => self.ring.lock().send(claim, tag, flight),
            Err(error) => Err((error, claim)),
        };
        sent.map(Ticket).map_err(|(error, claim)| {
            self.release(claim);
            error
        })
    }

    fn wait(&self, ticket: Ticket, take: &mut Take<'_>) -> Result<(), Error> {
        let slot = ticket.0;
        let mut left = self.options.timeout_ms;
        loop {
            let mut ring = self.ring.lock();
            if let Some(reply) = ring.reply(slot)? {
                drop(ring);
                let result = take(reply.bytes());
                self.release(reply.claim);
                return result;
            }
            if left == 0 {
                ring.give_up(slot);
                return Err(Error::Timeout);
            }
            drop(ring);
            self.sleep(slot, &mut left);
        }
    }

    fn detach(&self, ticket: Ticket) {
        let wakes = self.ring.lock().detach(ticket.0);
        self.wake(wakes);
    }

    fn reclaim(&self, over: &mut dyn FnMut(Tag, &[u8])) {
        for _ in 0..SLOTS {
            let reply = self.ring.lock().late();
            let Some(reply) = reply else { return };
            over(reply.tag, reply.bytes());
            self.release(reply.claim);
        }
    }

    fn park(&self) {
        self.wait.wait(PLACE_PARK, Some(PARK_MS));
    }

    fn unpark(&self) {
        self.wait.wake(PLACE_PARK);
    }
}
