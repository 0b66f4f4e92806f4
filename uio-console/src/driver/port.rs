//! What both halves and the interrupt handler share: the transport and whether it can still be trusted.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};

use lock_api::{Mutex, RawMutex};
use virtio_drivers::transport::{DeviceStatus, InterruptStatus, Transport};

use super::Error;

/// How often a reset device is asked whether it is done before it is given up. PCI answers at once.
const RESET_POLLS: u32 = 1000;

/// Proof that the device was reset, so that it touches no memory any more.
pub(super) struct Quiet(());

/// Resets the device. `None` if it does not obey: its memory must then stay for ever.
pub(super) fn reset<T: Transport>(transport: &mut T) -> Option<Quiet> {
    transport.set_status(DeviceStatus::empty());
    (0..RESET_POLLS)
        .any(|_| transport.get_status().is_empty())
        .then_some(Quiet(()))
}

pub(super) struct Port<T, R> {
    transport: Mutex<R, T>,
    broken: AtomicBool,
}

impl<T: Transport, R: RawMutex> Port<T, R> {
    pub(super) fn new(transport: T) -> Self {
        Self {
            transport: Mutex::new(transport),
            broken: AtomicBool::new(false),
        }
    }

    /// Refuses to go on with a broken device.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.broken.load(Ordering::Relaxed) {
            Err(Error::Broken)
        } else {
            Ok(())
        }
    }

    /// Gives the device up; both halves see it.
    pub(super) fn give_up(&self) -> Error {
        self.broken.store(true, Ordering::Relaxed);
        Error::Broken
    }

    /// Trusts the device again, after a restart.
    pub(super) fn mend(&self) {
        self.broken.store(false, Ordering::Relaxed);
    }

    /// Gives the device up and resets it.
    pub(super) fn reset(&self) -> Option<Quiet> {
        self.give_up();
        reset(&mut *self.transport.lock())
    }

    /// Calls `f` with the transport, under its lock.
    pub(super) fn with<U>(&self, f: impl FnOnce(&mut T) -> U) -> U {
        f(&mut self.transport.lock())
    }
}

/// What the interrupt handler holds of a console. Clones are of the same console.
pub struct Interrupt<T, R> {
    port: Arc<Port<T, R>>,
}

impl<T: Transport, R: RawMutex> Interrupt<T, R> {
    pub(super) fn new(port: Arc<Port<T, R>>) -> Self {
        Self { port }
    }

    /// Acknowledges the device's interrupt, which lowers its line. Returns whether it was this device's, on a shared line:
    /// then [`Rx::receive`](super::Rx::receive) and [`Tx::completed`](super::Tx::completed) have something to look at.
    pub fn acknowledge(&self) -> bool {
        self.port.with(|transport| {
            let status = transport.ack_interrupt();
            if status.contains(InterruptStatus::DEVICE_CONFIGURATION_INTERRUPT)
                && transport
                    .get_status()
                    .contains(DeviceStatus::DEVICE_NEEDS_RESET)
            {
                self.port.give_up();
            }
            !status.is_empty()
        })
    }
}

impl<T, R> Clone for Interrupt<T, R> {
    fn clone(&self) -> Self {
        Self {
            port: Arc::clone(&self.port),
        }
    }
}
