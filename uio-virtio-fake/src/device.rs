//! The device as the test holds it.

use crate::queue::{DeviceQueue, QueueState};
use crate::transport::FakeTransport;
use crate::world::{Inside, World, lock};
use crate::{EVENT_IDX, VERSION_1};
use std::sync::{Arc, Mutex};
use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus};

/// Called when the driver notifies a queue: the device, to play its part at once, and the queue.
type OnNotify = Box<dyn FnMut(&FakeDevice, u16) + Send>;
/// Called when the device raises an interrupt.
type OnInterrupt = Box<dyn FnMut() + Send>;

/// What driver and test see of one device.
pub(crate) struct Shared {
    pub(crate) world: Arc<World>,
    pub(crate) device_type: DeviceType,
    pub(crate) state: Mutex<State>,
    on_notify: Mutex<Option<OnNotify>>,
    on_interrupt: Mutex<Option<OnInterrupt>>,
}

/// The registers of the device, and what was recorded about their use.
pub(crate) struct State {
    pub(crate) offered: u64,
    pub(crate) accepted: u64,
    pub(crate) status: DeviceStatus,
    pub(crate) config: Vec<u8>,
    pub(crate) generation: u32,
    pub(crate) isr: InterruptStatus,
    pub(crate) queues: Vec<QueueState>,
    pub(crate) resets: usize,
    pub(crate) interrupts: usize,
    pub(crate) lose_interrupts: bool,
    pub(crate) ignore_reset: bool,
}

impl State {
    /// What a reset of the device does (VIRTIO 1.2, 2.4).
    pub(crate) fn reset(&mut self) {
        self.accepted = 0;
        self.status = DeviceStatus::empty();
        self.isr = InterruptStatus::empty();
        self.resets += 1;
        for queue in &mut self.queues {
            queue.reset();
        }
    }

    pub(crate) fn event_idx(&self) -> bool {
        self.accepted & EVENT_IDX != 0
    }
}

impl Shared {
    pub(crate) fn violation(&self, what: impl Into<String>) {
        self.world.violation(what.into());
    }

    /// Tells the world which memory the device may touch for its queues.
    pub(crate) fn pin_queues(&self, state: &State) {
        self.world
            .memory()
            .pin(state.queues.iter().flat_map(QueueState::memory).collect());
    }

    /// Raises an interrupt for the given reasons.
    pub(crate) fn interrupt(&self, reason: InterruptStatus) {
        {
            let mut state = lock(&self.state);
            if state.lose_interrupts {
                return;
            }
            state.isr |= reason;
            state.interrupts += 1;
        }
        let Some(mut callback) = lock(&self.on_interrupt).take() else {
            return;
        };
        callback();
        lock(&self.on_interrupt).get_or_insert(callback);
    }

    /// Lets the test's callback answer a notification; none is called while it runs.
    pub(crate) fn notified(self: &Arc<Self>, queue: u16) {
        let Some(mut callback) = lock(&self.on_notify).take() else {
            return;
        };
        let device = FakeDevice {
            shared: Arc::clone(self),
        };
        callback(&device, queue);
        lock(&self.on_notify).get_or_insert(callback);
    }
}

/// The test's handle on the device. Clones are the same device.
#[derive(Clone)]
pub struct FakeDevice {
    shared: Arc<Shared>,
}

impl FakeDevice {
    /// Starts the description of a device that offers `VERSION_1`, has no config space and no queues.
    #[must_use]
    pub fn builder(device_type: DeviceType) -> Builder {
        Builder {
            device_type,
            offered: VERSION_1,
            config: Vec::new(),
            queues: Vec::new(),
            world: None,
        }
    }

    /// The memory that this device and its driver share.
    #[must_use]
    pub fn world(&self) -> &Arc<World> {
        &self.shared.world
    }

    /// The device's side of a queue.
    ///
    /// # Panics
    /// If the device has no such queue.
    #[must_use]
    pub fn queue(&self, index: u16) -> DeviceQueue {
        let count = lock(&self.shared.state).queues.len();
        assert!(
            usize::from(index) < count,
            "the device has {count} queues, not one numbered {index}"
        );
        DeviceQueue::new(Arc::clone(&self.shared), index)
    }

    /// How often the driver notified a queue so far.
    ///
    /// # Panics
    /// If the device has no such queue.
    #[must_use]
    pub fn notifications(&self, queue: u16) -> usize {
        lock(&self.shared.state).queues[usize::from(queue)].notifications
    }

    /// Sets what happens when the driver notifies a queue, in the middle of the driver's call.
    pub fn on_notify(&self, callback: impl FnMut(&Self, u16) + Send + 'static) {
        *lock(&self.shared.on_notify) = Some(Box::new(callback));
    }

    /// Sets what happens when the device raises an interrupt.
    pub fn on_interrupt(&self, callback: impl FnMut() + Send + 'static) {
        *lock(&self.shared.on_interrupt) = Some(Box::new(callback));
    }

    /// The status that the driver set.
    #[must_use]
    pub fn status(&self) -> DeviceStatus {
        lock(&self.shared.state).status
    }

    /// The features that the driver accepted.
    #[must_use]
    pub fn accepted_features(&self) -> u64 {
        lock(&self.shared.state).accepted
    }

    /// How often the driver reset the device, the one at the start of initialisation included.
    #[must_use]
    pub fn resets(&self) -> usize {
        lock(&self.shared.state).resets
    }

    /// Interrupts raised so far.
    #[must_use]
    pub fn interrupts(&self) -> usize {
        lock(&self.shared.state).interrupts
    }

    /// Whether an interrupt is pending, that is, raised and not acknowledged.
    #[must_use]
    pub fn interrupt_pending(&self) -> bool {
        !lock(&self.shared.state).isr.is_empty()
    }

    /// Loses every interrupt from now on, or no longer.
    pub fn lose_interrupts(&self, lose: bool) {
        lock(&self.shared.state).lose_interrupts = lose;
    }

    /// Raises an interrupt although nothing was used.
    pub fn spurious_interrupt(&self) {
        self.shared.interrupt(InterruptStatus::QUEUE_INTERRUPT);
    }

    /// Changes the config space from `offset` on, counts its generation up and raises the interrupt for that.
    ///
    /// # Panics
    /// If the config space ends before the bytes do.
    pub fn set_config(&self, offset: usize, bytes: &[u8]) {
        {
            let mut state = lock(&self.shared.state);
            state.config[offset..offset + bytes.len()].copy_from_slice(bytes);
            state.generation = state.generation.wrapping_add(1);
        }
        self.shared
            .interrupt(InterruptStatus::DEVICE_CONFIGURATION_INTERRUPT);
    }

    /// The config space as it is now, with what the driver wrote.
    #[must_use]
    pub fn config(&self) -> Vec<u8> {
        lock(&self.shared.state).config.clone()
    }

    /// Breaks down: sets `DEVICE_NEEDS_RESET` and raises the interrupt for that (VIRTIO 1.2, 2.1.2).
    pub fn needs_reset(&self) {
        lock(&self.shared.state).status |= DeviceStatus::DEVICE_NEEDS_RESET;
        self.shared
            .interrupt(InterruptStatus::DEVICE_CONFIGURATION_INTERRUPT);
    }

    /// Does not obey a reset any more: its status stays, its queues stay live.
    pub fn ignore_reset(&self, ignore: bool) {
        lock(&self.shared.state).ignore_reset = ignore;
    }
}

impl Drop for FakeDevice {
    fn drop(&mut self) {
        if !std::thread::panicking() && Arc::strong_count(&self.shared) == 1 {
            let violations = self.shared.world.violations();
            assert!(violations.is_empty(), "driver broke rules: {violations:#?}");
        }
    }
}

/// The description of a device, see [`FakeDevice::builder`].
pub struct Builder {
    device_type: DeviceType,
    offered: u64,
    config: Vec<u8>,
    queues: Vec<u32>,
    world: Option<Arc<World>>,
}

impl Builder {
    /// The feature bits that the device offers, all of them.
    #[must_use]
    pub fn features(mut self, offered: u64) -> Self {
        self.offered = offered;
        self
    }

    /// The device's config space.
    #[must_use]
    pub fn config(mut self, bytes: &[u8]) -> Self {
        self.config = bytes.to_vec();
        self
    }

    /// The maximum size of each queue; 0 is a queue that does not exist.
    #[must_use]
    pub fn queues(mut self, sizes: &[u32]) -> Self {
        self.queues = sizes.to_vec();
        self
    }

    /// Puts the device into an existing world, beside others; otherwise it gets one of its own.
    #[must_use]
    pub fn world(mut self, world: &Arc<World>) -> Self {
        self.world = Some(Arc::clone(world));
        self
    }

    /// Makes the device, and enters its world on this thread.
    #[must_use]
    pub fn build(self) -> (FakeDevice, FakeTransport) {
        let _inside = Inside::enter();
        let world = self.world.unwrap_or_else(World::new);
        world.enter();
        let state = State {
            offered: self.offered,
            accepted: 0,
            status: DeviceStatus::empty(),
            config: self.config,
            generation: 0,
            isr: InterruptStatus::empty(),
            queues: self.queues.into_iter().map(QueueState::new).collect(),
            resets: 0,
            interrupts: 0,
            lose_interrupts: false,
            ignore_reset: false,
        };
        let shared = Arc::new(Shared {
            world,
            device_type: self.device_type,
            state: Mutex::new(state),
            on_notify: Mutex::new(None),
            on_interrupt: Mutex::new(None),
        });
        (
            FakeDevice {
                shared: Arc::clone(&shared),
            },
            FakeTransport::new(shared),
        )
    }
}
