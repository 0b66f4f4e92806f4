//! Counts the instructions of the console driver's operations, without those of a kernel or of the device.
//!
//! ```text
//! cargo build --release -p uio-console --features driver --example driver_cost
//! valgrind --tool=callgrind --callgrind-out-file=cost.out target/release/examples/driver_cost
//! callgrind_annotate --inclusive=yes cost.out | grep measured_
//! ```
//! Each `measured_` function runs [`ROUNDS`] times, so divide by that.

#[cfg(not(feature = "driver"))]
fn main() {
    eprintln!("driver_cost: build with --features driver");
}

#[cfg(feature = "driver")]
#[path = "../tests/support/mod.rs"]
mod support;

#[cfg(feature = "driver")]
pub use counted::main;

#[cfg(feature = "driver")]
mod counted {
    use crate::support::{RX, TX, TestLock, device};
    use uio_console::driver::{Console, Interrupt, Rx, Tx};
    use uio_virtio_fake::{DirectHal, FakeTransport};
    use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
    use virtio_drivers::{PhysAddr, Result};
    use zerocopy::{FromBytes, Immutable, IntoBytes};

    /// How often each operation is done.
    const ROUNDS: usize = 1000;

    /// Every operation in turn.
    pub fn main() {
        let (device, transport) = device();
        let mut console = Console::new(Quick(transport)).expect("the fake is a console");
        for _ in 0..ROUNDS {
            assert!(device.queue(RX).fill(&[1; 20]).is_empty());
            assert!(measured_acknowledge(&console.interrupt));
            assert_eq!(measured_receive(&mut console.rx), 20);
            assert!(measured_send(&mut console.tx));
            assert_eq!(device.queue(TX).drain().len(), 1);
        }
    }

    /// One interrupt acknowledged.
    #[inline(never)]
    fn measured_acknowledge(interrupt: &Interrupt<Quick, TestLock>) -> bool {
        interrupt.acknowledge()
    }

    /// One small piece received, its buffer lent again, one notification.
    #[inline(never)]
    fn measured_receive(rx: &mut Rx<DirectHal, Quick, TestLock>) -> usize {
        let mut sum = 0;
        let count = rx.receive(&mut |piece| sum += usize::from(piece[0]));
        count.map_or(0, |count| count + sum - 1)
    }

    /// One small frame sent, with its notification, and one buffer taken back, now and then eight at once.
    #[inline(never)]
    fn measured_send(tx: &mut Tx<DirectHal, Quick, TestLock>) -> bool {
        let fill = &mut |buffer: &mut [u8]| {
            buffer.fill(2);
            20
        };
        tx.try_send(20, fill).is_ok()
    }

    /// The fake's transport, but for the registers that are used all the time: those cost an instruction or two.
    struct Quick(FakeTransport);

    impl Transport for Quick {
        fn notify(&mut self, queue: u16) {
            std::hint::black_box(queue);
        }
        fn ack_interrupt(&mut self) -> InterruptStatus {
            std::hint::black_box(InterruptStatus::QUEUE_INTERRUPT)
        }

        fn device_type(&self) -> DeviceType {
            self.0.device_type()
        }
        fn read_device_features(&mut self) -> u64 {
            self.0.read_device_features()
        }
        fn write_driver_features(&mut self, driver_features: u64) {
            self.0.write_driver_features(driver_features);
        }
        fn max_queue_size(&mut self, queue: u16) -> u32 {
            self.0.max_queue_size(queue)
        }
        fn get_status(&self) -> DeviceStatus {
            self.0.get_status()
        }
        fn set_status(&mut self, status: DeviceStatus) {
            self.0.set_status(status);
        }
        fn set_guest_page_size(&mut self, guest_page_size: u32) {
            self.0.set_guest_page_size(guest_page_size);
        }
        fn requires_legacy_layout(&self) -> bool {
            self.0.requires_legacy_layout()
        }
        fn queue_set(&mut self, queue: u16, size: u32, d: PhysAddr, a: PhysAddr, u: PhysAddr) {
            self.0.queue_set(queue, size, d, a, u);
        }
        fn queue_unset(&mut self, queue: u16) {
            self.0.queue_unset(queue);
        }
        fn queue_used(&mut self, queue: u16) -> bool {
            self.0.queue_used(queue)
        }
        fn read_config_generation(&self) -> u32 {
            self.0.read_config_generation()
        }
        fn read_config_space<T: FromBytes + IntoBytes>(&self, offset: usize) -> Result<T> {
            self.0.read_config_space(offset)
        }
        fn write_config_space<T: IntoBytes + Immutable>(
            &mut self,
            at: usize,
            value: T,
        ) -> Result<()> {
            self.0.write_config_space(at, value)
        }
    }
}
