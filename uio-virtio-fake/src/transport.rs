//! The transport as the driver holds it.

use crate::VERSION_1;
use crate::device::{Shared, State};
use crate::world::{Inside, lock};
use std::sync::Arc;
use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use virtio_drivers::{Error, PhysAddr};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// The driver's way to the device, as strict as PCI: `queue_unset` does nothing there, and so here, thus only a
/// reset takes memory back from the device. Dropping it resets the device, as `PciTransport` does.
pub struct FakeTransport {
    shared: Arc<Shared>,
}

impl FakeTransport {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Changes a queue's registers, or records that the device has no such queue.
    fn with_queue<R: Default>(&self, queue: u16, change: impl FnOnce(&mut State, usize) -> R) -> R {
        let mut state = lock(&self.shared.state);
        let index = usize::from(queue);
        if index < state.queues.len() {
            return change(&mut state, index);
        }
        self.shared.violation(format!(
            "driver uses queue {queue}, which the device does not have"
        ));
        R::default()
    }

    fn check_features(&self, state: &State) {
        if state.accepted & !state.offered != 0 {
            let extra = state.accepted & !state.offered;
            self.shared.violation(format!(
                "driver accepts features {extra:#x}, which are not offered"
            ));
        }
        if state.offered & VERSION_1 != 0 && state.accepted & VERSION_1 == 0 {
            self.shared
                .violation("driver refuses VERSION_1 (VIRTIO 1.2, 6.1)");
        }
    }
}

impl Transport for FakeTransport {
    fn device_type(&self) -> DeviceType {
        self.shared.device_type
    }

    fn read_device_features(&mut self) -> u64 {
        lock(&self.shared.state).offered
    }

    fn write_driver_features(&mut self, driver_features: u64) {
        let mut state = lock(&self.shared.state);
        if state.status.contains(DeviceStatus::FEATURES_OK) {
            self.shared
                .violation("driver changes features after FEATURES_OK");
        }
        state.accepted = driver_features;
    }

    fn max_queue_size(&mut self, queue: u16) -> u32 {
        let state = lock(&self.shared.state);
        state
            .queues
            .get(usize::from(queue))
            .map_or(0, |q| q.max_size)
    }

    fn notify(&mut self, queue: u16) {
        let _inside = Inside::enter();
        self.with_queue(queue, |state, index| {
            state.queues[index].notifications += 1;
            if !state.status.contains(DeviceStatus::DRIVER_OK) {
                self.shared
                    .violation(format!("driver notifies queue {queue} before DRIVER_OK"));
            }
        });
        self.shared.notified(queue);
    }

    fn get_status(&self) -> DeviceStatus {
        lock(&self.shared.state).status
    }

    fn set_status(&mut self, status: DeviceStatus) {
        let _inside = Inside::enter();
        let mut state = lock(&self.shared.state);
        if status.is_empty() {
            if !state.ignore_reset {
                state.reset();
                self.shared.pin_queues(&state);
            }
            return;
        }
        let news = status.difference(state.status);
        if news.contains(DeviceStatus::FEATURES_OK) {
            self.check_features(&state);
            if state.accepted & !state.offered != 0 {
                state.status = status.difference(DeviceStatus::FEATURES_OK);
                return;
            }
        }
        state.status |= status;
    }

    fn set_guest_page_size(&mut self, _guest_page_size: u32) {}

    fn requires_legacy_layout(&self) -> bool {
        false
    }

    fn queue_set(
        &mut self,
        queue: u16,
        size: u32,
        descriptors: PhysAddr,
        driver_area: PhysAddr,
        device_area: PhysAddr,
    ) {
        let _inside = Inside::enter();
        self.with_queue(queue, |state, index| {
            if state.status.contains(DeviceStatus::DRIVER_OK) {
                self.shared
                    .violation(format!("driver sets queue {queue} after DRIVER_OK"));
            }
            if !state.status.contains(DeviceStatus::FEATURES_OK) {
                self.shared
                    .violation(format!("driver sets queue {queue} before FEATURES_OK"));
            }
            let max = state.queues[index].max_size;
            match u16::try_from(size) {
                Ok(size) if size.is_power_of_two() && u32::from(size) <= max => {
                    state.queues[index].set(size, [descriptors, driver_area, device_area]);
                    self.shared.pin_queues(state);
                }
                _ => self.shared.violation(format!(
                    "queue {queue} set to {size} entries, of at most {max}"
                )),
            }
        });
    }

    fn queue_unset(&mut self, _queue: u16) {}

    fn queue_used(&mut self, queue: u16) -> bool {
        let state = lock(&self.shared.state);
        state
            .queues
            .get(usize::from(queue))
            .is_some_and(|q| q.size != 0)
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        core::mem::take(&mut lock(&self.shared.state).isr)
    }

    fn read_config_generation(&self) -> u32 {
        lock(&self.shared.state).generation
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, offset: usize) -> Result<T, Error> {
        let _inside = Inside::enter();
        self.check_config_access::<T>(offset);
        let state = lock(&self.shared.state);
        if state.config.is_empty() {
            return Err(Error::ConfigSpaceMissing);
        }
        let bytes = state
            .config
            .get(offset..)
            .and_then(|rest| T::read_from_prefix(rest).ok());
        bytes
            .map(|(value, _rest)| value)
            .ok_or(Error::ConfigSpaceTooSmall)
    }

    fn write_config_space<T: IntoBytes + Immutable>(
        &mut self,
        offset: usize,
        value: T,
    ) -> Result<(), Error> {
        let _inside = Inside::enter();
        self.check_config_access::<T>(offset);
        let mut state = lock(&self.shared.state);
        if state.config.is_empty() {
            return Err(Error::ConfigSpaceMissing);
        }
        let rest = state
            .config
            .get_mut(offset..)
            .ok_or(Error::ConfigSpaceTooSmall)?;
        value
            .write_to_prefix(rest)
            .map_err(|_| Error::ConfigSpaceTooSmall)
    }
}

impl FakeTransport {
    /// `PciTransport` panics on such an access; here it is a broken rule.
    fn check_config_access<T>(&self, offset: usize) {
        if align_of::<T>() > 4 || !offset.is_multiple_of(align_of::<T>()) {
            let (size, align) = (size_of::<T>(), align_of::<T>());
            self.shared.violation(format!(
                "unaligned config access: {size} bytes of alignment {align} at {offset}"
            ));
        }
    }
}

impl Drop for FakeTransport {
    fn drop(&mut self) {
        self.set_status(DeviceStatus::empty());
    }
}
