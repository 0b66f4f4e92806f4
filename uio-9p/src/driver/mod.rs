//! The virtio-9p driver: carries messages through a virtqueue, and sleeps until the device's interrupt.
//!
//! It stands on `virtio-drivers`' transport and queue, and asks three things of the platform: a [`Hal`] for memory, a lock
//! that may be taken in an interrupt handler (`R`), and [`Wait`]. Setting up the interrupt is the platform's part; its
//! handler calls [`Driver::on_interrupt`].
//!
//! A call takes one of [`SLOTS`] slots. A slot's buffers are allocated when first needed and kept: 12 KiB, and the
//! message size for a slot that carried a read, a write or a directory. The lowest free slot is taken first, so a caller that
//! does one thing at a time costs one or two slots' memory. A call that is given up leaves its
//! slot to the device until that returns it: it may still write there.
//!
//! Neither indirect descriptors nor event indices are negotiated: the former would free memory in the interrupt handler,
//! and the latter are compared wrongly in `virtio-drivers` 0.13.0 when the 16-bit index wraps.

mod carry;
mod device;
mod ring;

use alloc::boxed::Box;

use lock_api::{Mutex, RawMutex};
use virtio_drivers::Hal;
use virtio_drivers::transport::{InterruptStatus, Transport as Device};

use crate::client::{DEFAULT_MSIZE, MAX_MSIZE, MIN_MSIZE};
use crate::error::Error;

use ring::{Buffers, Ring, Wakes};

pub use ring::SLOTS;

/// Number of places of [`Wait`]: one a slot, one to wait for a free slot, one for [`crate::transport::Transport::park`].
pub const PLACES: usize = SLOTS + 2;
const PLACE_FREE: usize = SLOTS;
const PLACE_PARK: usize = SLOTS + 1;

/// How a task sleeps. Each place is like a counting semaphore that starts at zero.
pub trait Wait: Send + Sync {
    /// Blocks the calling task until a [`Wait::wake`] of `place` that ended no other wait, be it before or after this
    /// call, or until `timeout_ms` milliseconds have passed. Whether it was woken; that may also be said for no reason.
    fn wait(&self, place: usize, timeout_ms: Option<u32>) -> bool;

    /// Ends one wait at `place`, now or to come. Called from the interrupt handler, with no lock of the driver held.
    fn wake(&self, place: usize);
}

/// How to drive the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Longest message in bytes, 8 KiB to 512 KiB: a slot that carried one keeps that much memory.
    pub msize: u32,
    /// How many slots to use, 1 to [`SLOTS`].
    pub slots: usize,
    /// How long the device may take to answer, in milliseconds.
    pub timeout_ms: u32,
    /// Whether the interrupt handler reads the device's interrupt status: needed for a wired interrupt, superfluous with
    /// MSI-X (VIRTIO 1.2, 4.1.4.5).
    pub acknowledge: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            msize: DEFAULT_MSIZE,
            slots: SLOTS,
            timeout_ms: 30_000,
            acknowledge: true,
        }
    }
}

/// A virtio-9p device.
pub struct Driver<H: Hal, T: Device, R: RawMutex> {
    ring: Mutex<R, Ring<H, T>>,
    buffers: [Buffers<H>; SLOTS],
    wait: Box<dyn Wait>,
    mount_tag: Box<[u8]>,
    options: Options,
}

impl<H: Hal, T: Device, R: RawMutex> Driver<H, T, R> {
    /// Takes over a device: resets it, agrees on features, sets up its queue. `prepare` is called after the features and
    /// before the queue, for what only the platform can do, such as to assign MSI-X vectors.
    ///
    /// Nothing is sent, and no slot's memory is allocated.
    ///
    /// # Errors
    /// [`Error::BadDevice`] if it is no 9P device or too small a one, [`Error::NoMemory`], or what `prepare` says.
    pub fn new(
        device: T,
        wait: Box<dyn Wait>,
        options: &Options,
        prepare: &mut dyn FnMut(&mut T) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let (ring, mount_tag) = device::start(device, options.slots, prepare)?;
        let options = Options {
            msize: options.msize.clamp(MIN_MSIZE, MAX_MSIZE),
            ..*options
        };
        Ok(Self {
            ring: Mutex::new(ring),
            buffers: [const { Buffers::new() }; SLOTS],
            wait,
            mount_tag,
            options,
        })
    }

    /// The name that the VMM gave the share.
    #[must_use]
    pub fn mount_tag(&self) -> &[u8] {
        &self.mount_tag
    }

    /// Whether the device broke the rules and is used no more.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.ring.lock().is_broken()
    }

    /// Takes in what the device has answered, and wakes who waits for it. For the interrupt handler: takes the ring's
    /// lock for a short time, allocates nothing. Whether the interrupt was this device's, as far as it says.
    pub fn on_interrupt(&self) -> bool {
        let mut ring = self.ring.lock();
        let mut ours = true;
        if self.options.acknowledge {
            let status = ring.device.ack_interrupt();
            ours = !status.is_empty();
            if status.contains(InterruptStatus::DEVICE_CONFIGURATION_INTERRUPT) {
                ring.check_device();
            }
        }
        let wakes = ring.reap();
        drop(ring);
        self.wake(wakes);
        ours || !wakes.is_empty()
    }

    fn wake(&self, wakes: Wakes) {
        let mut slots = wakes.slots;
        while slots != 0 {
            self.wait.wake(slots.trailing_zeros() as usize);
            slots &= slots - 1;
        }
        for _ in 0..wakes.free {
            self.wait.wake(PLACE_FREE);
        }
    }
}

impl<H: Hal, T: Device, R: RawMutex> Drop for Driver<H, T, R> {
    /// Resets the device; if it does not obey, all memory that it could still write to is left to it.
    fn drop(&mut self) {
        let quiet = device::reset(&mut self.ring.get_mut().device);
        if quiet {
            self.ring.get_mut().free();
            self.buffers.iter_mut().for_each(Buffers::free);
        }
    }
}
