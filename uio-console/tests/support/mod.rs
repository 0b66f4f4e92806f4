//! What the driver's tests share: a lock, a device that is a console, and a console on it.

#![allow(dead_code)] // Each test file uses its part.

use std::sync::atomic::{AtomicBool, Ordering};

use uio_console::driver::{self, Console, Interrupt, Rx, Tx};
use uio_virtio_fake::{DirectHal, FakeDevice, FakeHal, FakeTransport};
use virtio_drivers::transport::DeviceType;

/// Queue numbers of port 0.
pub const RX: u16 = 0;
/// See [`RX`].
pub const TX: u16 = 1;

/// A lock that tries until it succeeds.
pub struct TestLock(AtomicBool);

// SAFETY: `try_lock` succeeds for one caller at a time, by the exchange.
unsafe impl lock_api::RawMutex for TestLock {
    #[allow(clippy::declare_interior_mutable_const)]
    const INIT: Self = Self(AtomicBool::new(false));
    type GuardMarker = lock_api::GuardSend;

    fn lock(&self) {
        while !self.try_lock() {
            std::thread::yield_now();
        }
    }

    fn try_lock(&self) -> bool {
        !self.0.swap(true, Ordering::Acquire)
    }

    unsafe fn unlock(&self) {
        self.0.store(false, Ordering::Release);
    }
}

pub type TestConsole = Console<FakeHal, FakeTransport, TestLock>;
pub type TestRx = Rx<FakeHal, FakeTransport, TestLock>;
pub type TestTx = Tx<FakeHal, FakeTransport, TestLock>;
pub type TestInterrupt = Interrupt<FakeTransport, TestLock>;
pub type DirectConsole = Console<DirectHal, FakeTransport, TestLock>;

/// A console device as QEMU has it: 128 entries a queue.
pub fn device() -> (FakeDevice, FakeTransport) {
    FakeDevice::builder(DeviceType::Console)
        .config(&[0; 12])
        .queues(&[128, 128])
        .build()
}

/// A started console and its device.
pub fn started() -> (FakeDevice, TestConsole) {
    let (device, transport) = device();
    (device, Console::new(transport).unwrap())
}

/// Sends the bytes, if there is room.
pub fn send(tx: &mut TestTx, bytes: &[u8]) -> Result<(), driver::Error> {
    tx.try_send(bytes.len(), &mut |buffer| {
        buffer.copy_from_slice(bytes);
        bytes.len()
    })
}

/// Everything that arrived.
pub fn receive(rx: &mut TestRx) -> Result<Vec<u8>, driver::Error> {
    let mut all = Vec::new();
    let count = rx.receive(&mut |piece| all.extend_from_slice(piece))?;
    assert_eq!(count, all.len());
    Ok(all)
}

/// Ends a test: the driver freed and unshared everything.
pub fn finish(device: &FakeDevice, console: TestConsole) {
    drop(console);
    assert!(device.status().is_empty(), "device left running");
    device.world().assert_clean();
}
