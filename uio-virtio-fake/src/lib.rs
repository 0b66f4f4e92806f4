//! A virtio device that a test plays by hand, for drivers that stand on `virtio-drivers`.
//!
//! `virtio-drivers` has a fake of its own, but keeps it to itself, and it is a friendly one: physical
//! addresses equal virtual ones, buffers come back in order, the device never lies. This one misbehaves on
//! request and watches the driver all the time.
//!
//! | part | is |
//! |---|---|
//! | [`FakeTransport`] | what the driver gets: implements [`virtio_drivers::transport::Transport`] |
//! | [`FakeHal`] | the driver's `H: Hal`: bounces every shared buffer and tracks it |
//! | [`DirectHal`] | a `Hal` without bouncing and bookkeeping, to count a driver's instructions |
//! | [`FakeDevice`] | what the test keeps: features, config space, status, interrupts, notifications |
//! | [`DeviceQueue`], [`Chain`] | the device's view of one virtqueue: pop chains, read and write buffers, push used entries, true or false |
//! | [`World`] | the memory both sides see: violations, leaks, and allocations that fail on request |
//!
//! # What is caught
//! * Virtual and physical addresses mixed up: they never coincide, and an address that was not handed out, or
//!   no longer is, is a violation when the device touches it.
//! * Access without `share`, before `unshare` or after it: the device works on a copy of the buffer, so what a
//!   driver reads too early or writes too late is wrong at once. Bytes of a device-written buffer that the device did not write come
//!   back as [`POISON`], so a driver that trusts them is caught too.
//! * Buffers shared twice, unshared twice or with other arguments than shared, DMA memory freed while the device
//!   could still use it, leaks of either ([`World::assert_clean`]).
//! * Driver errors of the protocol: notify before `DRIVER_OK`, features not offered, `VERSION_1` refused, queues set
//!   after `DRIVER_OK`, more than a queue's size made available, loops in chains, writable before readable parts.
//!
//! Violations are collected ([`World::violations`]), and fail the test when the last [`FakeDevice`] of the test
//! is dropped, or earlier with [`World::assert_clean`].
//!
//! # How a test reads
//! ```
//! use uio_virtio_fake::{FakeDevice, FakeHal, VERSION_1};
//! use virtio_drivers::queue::VirtQueue;
//! use virtio_drivers::device::common::Feature;
//! use virtio_drivers::transport::{DeviceType, Transport};
//!
//! let (device, mut transport) = FakeDevice::builder(DeviceType::Console)
//!     .features(VERSION_1)
//!     .queues(&[16, 16])
//!     .build();
//! // The driver's side.
//! transport.begin_init(Feature::VERSION_1);
//! let mut queue = VirtQueue::<FakeHal, 4>::new(&mut transport, 0, false, false).unwrap();
//! let mut buffer = [0; 8];
//! transport.finish_init();
//! // SAFETY: the buffer outlives the request, and nobody looks at it before it is popped.
//! let token = unsafe { queue.add(&[], &mut [&mut buffer]) }.unwrap();
//! // The device's side.
//! let chain = device.queue(0).pop().unwrap();
//! assert_eq!(chain.writable_len(), 8);
//! chain.write(0, b"hello");
//! device.queue(0).push_used(chain.head(), 5);
//! // The driver's side again.
//! // SAFETY: the same buffer as above.
//! assert_eq!(unsafe { queue.pop_used(token, &[], &mut [&mut buffer]) }.unwrap(), 5);
//! assert_eq!(&buffer[..5], b"hello");
//! drop(transport); // Resets the device, so that the queue's memory may go.
//! drop(queue);
//! device.world().assert_clean();
//! ```
//!
//! # Worlds and threads
//! [`Hal`](virtio_drivers::Hal) has no `self`, so which memory it hands out is a matter of the thread: [`Builder::build`] makes a
//! new [`World`] and enters it on the calling thread. A driver that allocates or shares on another thread must
//! [`World::enter`] there first. Device-side calls work from any thread.
//!
//! # Counting allocations
//! The fake itself allocates. [`in_fake`] is true on the thread that is inside it, so that a test's counting
//! allocator can leave those out.

#![deny(unsafe_code)]

mod chain;
mod device;
mod hal;
mod memory;
mod queue;
mod transport;
mod world;

pub use chain::{Chain, Segment};
pub use device::{Builder, FakeDevice};
pub use hal::{DirectHal, FakeHal};
pub use queue::DeviceQueue;
pub use transport::FakeTransport;
pub use world::{POISON, World, in_fake};

/// Feature bit `VIRTIO_F_INDIRECT_DESC` (VIRTIO 1.2, 6).
pub const INDIRECT_DESC: u64 = 1 << 28;
/// Feature bit `VIRTIO_F_EVENT_IDX` (VIRTIO 1.2, 6).
pub const EVENT_IDX: u64 = 1 << 29;
/// Feature bit `VIRTIO_F_VERSION_1` (VIRTIO 1.2, 6).
pub const VERSION_1: u64 = 1 << 32;
