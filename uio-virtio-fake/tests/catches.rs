//! The fake catches what it says it catches.

use std::ptr::NonNull;
use uio_virtio_fake::{
    DirectHal, EVENT_IDX, FakeDevice, FakeHal, FakeTransport, INDIRECT_DESC, POISON, VERSION_1,
    World,
};
use virtio_drivers::device::common::Feature;
use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use virtio_drivers::{BufferDirection, Error, Hal};

type Queue = VirtQueue<FakeHal, 4>;

/// A started device with one queue; the transport must go before the queue.
fn started(features: u64) -> (FakeDevice, FakeTransport, Queue) {
    let (device, mut transport) = FakeDevice::builder(DeviceType::Console)
        .features(features | VERSION_1)
        .queues(&[8])
        .build();
    let accepted = transport.begin_init(Feature::all());
    let indirect = accepted.contains(Feature::RING_INDIRECT_DESC);
    let event_idx = accepted.contains(Feature::RING_EVENT_IDX);
    let queue = Queue::new(&mut transport, 0, indirect, event_idx).unwrap();
    transport.finish_init();
    (device, transport, queue)
}

/// Ends a test that broke rules on purpose: the device's drop would fail it otherwise.
fn expect_violation(device: FakeDevice, what: &str) {
    let found = device.world().violations();
    assert!(
        found.iter().any(|v| v.contains(what)),
        "{what:?} not in {found:?}"
    );
    std::mem::forget(device);
}

#[test]
fn bytes_go_both_ways_and_nothing_is_left() {
    let (device, transport, mut queue) = started(0);
    let (request, mut reply) = ([1, 2, 3], [0; 6]);
    // SAFETY: both buffers live until popped below.
    let token = unsafe { queue.add(&[&request], &mut [&mut reply]) }.unwrap();
    let chain = device.queue(0).pop().unwrap();
    assert_eq!(
        (
            chain.readable_len(),
            chain.writable_len(),
            chain.segments().len()
        ),
        (3, 6, 2)
    );
    assert_eq!(chain.read(), request);
    assert_eq!(chain.write(1, b"abcdefgh"), 5);
    assert_eq!(device.queue(0).in_flight(), 1);
    chain.complete(4);
    assert_eq!(
        (device.queue(0).in_flight(), device.world().shares()),
        (0, 2)
    );
    assert_eq!(reply, [0; 6], "not visible before unshare");
    // SAFETY: the same buffers as above.
    let result = unsafe { queue.pop_used(token, &[&request], &mut [&mut reply]) };
    assert_eq!(result, Ok(4));
    assert_eq!(&reply, &[POISON, b'a', b'b', b'c', b'd', b'e']);
    drop(transport);
    drop(queue);
    device.world().assert_clean();
}

#[test]
fn indirect_chains_are_walked() {
    let (device, transport, mut queue) = started(INDIRECT_DESC);
    let (request, mut reply) = ([7; 3], [0; 2]);
    // SAFETY: both buffers live until popped below.
    let token = unsafe { queue.add(&[&request], &mut [&mut reply]) }.unwrap();
    let chain = device.queue(0).pop().unwrap();
    assert_eq!(chain.read(), request);
    assert_eq!(chain.write(0, b"hi"), 2);
    chain.complete(2);
    // SAFETY: the same buffers as above.
    let result = unsafe { queue.pop_used(token, &[&request], &mut [&mut reply]) };
    assert_eq!(result, Ok(2));
    assert_eq!(&reply, b"hi");
    drop(transport);
    drop(queue);
    device.world().assert_clean();
}

#[test]
fn lies_arrive_at_the_driver() {
    let (device, transport, mut queue) = started(0);
    let mut reply = [0; 4];
    // SAFETY: the buffer lives until popped below.
    let token = unsafe { queue.add(&[], &mut [&mut reply]) }.unwrap();
    device.queue(0).push_used(77_u16, 1000);
    assert_eq!(queue.peek_used(), Some(77));
    // SAFETY: the same buffer as above.
    let result = unsafe { queue.pop_used(token, &[], &mut [&mut reply]) };
    assert_eq!(result, Err(Error::WrongToken));
    drop(transport);
    drop(queue);
}

#[test]
fn interrupts_follow_the_drivers_wish() {
    let (device, mut transport, mut queue) = started(0);
    device.queue(0).push_used(0_u16, 0);
    assert_eq!(
        transport.ack_interrupt().bits(),
        InterruptStatus::QUEUE_INTERRUPT.bits()
    );
    assert_eq!(transport.ack_interrupt().bits(), 0);
    queue.set_dev_notify(false);
    device.queue(0).push_used(0_u16, 0);
    assert!(!device.interrupt_pending());
    queue.set_dev_notify(true);
    device.lose_interrupts(true);
    device.queue(0).push_used(0_u16, 0);
    assert!(!device.interrupt_pending());
    assert_eq!(device.interrupts(), 1);
    drop(transport);
}

#[test]
fn event_idx_is_honoured() {
    let (device, transport, mut queue) = started(EVENT_IDX);
    let mut reply = [0; 4];
    device.queue(0).set_avail_event(1);
    // SAFETY: the buffer lives until the end of the test.
    unsafe { queue.add(&[], &mut [&mut reply]) }.unwrap();
    assert!(!queue.should_notify());
    assert!(
        !device.queue(0).interrupt_wanted(),
        "used_event is 0, next_used - 1 is 65535"
    );
    device.queue(0).push_used_quietly(0_u16, 0);
    assert!(device.queue(0).interrupt_wanted());
    drop(transport);
    drop(queue);
}

#[test]
fn notification_runs_the_callback() {
    let (device, mut transport, mut queue) = started(0);
    device.on_notify(|device, index| {
        let chain = device.queue(index).pop().unwrap();
        chain.write(0, b"!");
        chain.complete(1);
    });
    let mut reply = [0; 1];
    // SAFETY: the buffer lives until popped below.
    let token = unsafe { queue.add(&[], &mut [&mut reply]) }.unwrap();
    transport.notify(0);
    // SAFETY: the same buffer as above.
    let result = unsafe { queue.pop_used(token, &[], &mut [&mut reply]) };
    assert_eq!(result, Ok(1));
    assert_eq!((&reply, device.notifications(0)), (b"!", 1));
    drop(transport);
}

#[test]
fn freeing_a_live_queue_is_caught() {
    let (device, transport, queue) = started(0);
    drop(queue);
    drop(transport);
    expect_violation(device, "while the device's queue lives in it");
}

#[test]
fn virtual_addresses_are_not_physical_ones() {
    let (device, transport, queue) = started(0);
    let world = device.world();
    let (paddr, vaddr) = FakeHal::dma_alloc(1, BufferDirection::Both);
    assert_ne!(paddr, vaddr.as_ptr() as u64);
    // SAFETY: just allocated.
    let result = unsafe { FakeHal::dma_dealloc(paddr, vaddr, 2) };
    assert_eq!(result, -1, "wrong size");
    // SAFETY: just allocated, and not freed by the refused call.
    let result = unsafe { FakeHal::dma_dealloc(paddr, vaddr, 1) };
    assert_eq!(result, 0);
    assert_eq!(world.live_dma_pages(), 2, "the queue's");
    drop(transport);
    drop(queue);
    expect_violation(device, "not allocated like that");
}

#[test]
fn sharing_twice_and_unsharing_twice_are_caught() {
    let world = World::new();
    world.enter();
    let mut bytes = [0; 16];
    let buffer = NonNull::from(&mut bytes[..]);
    let direction = BufferDirection::DeviceToDriver;
    // SAFETY: a valid buffer that only this test looks at, as in all calls below.
    let first = unsafe { FakeHal::share(buffer, direction) };
    // SAFETY: as above.
    let second = unsafe { FakeHal::share(buffer, direction) };
    assert!(world.violations().pop().unwrap().contains("shared twice"));
    // SAFETY: as above.
    unsafe { FakeHal::unshare(first, buffer, BufferDirection::DriverToDevice) };
    assert!(
        world
            .violations()
            .pop()
            .unwrap()
            .contains("not shared like that")
    );
    // SAFETY: as above.
    unsafe { FakeHal::unshare(first, buffer, direction) };
    // SAFETY: as above.
    unsafe { FakeHal::unshare(first, buffer, direction) };
    assert_eq!((world.violations().len(), world.live_shares()), (3, 1));
    // SAFETY: as above.
    unsafe { FakeHal::unshare(second, buffer, direction) };
    assert_eq!(world.live_shares(), 0);
}

#[test]
fn protocol_errors_are_caught() {
    let (device, mut transport) = FakeDevice::builder(DeviceType::Console)
        .queues(&[4])
        .build();
    transport.notify(0);
    transport.queue_set(0, 8, 0, 0, 0);
    transport.notify(9);
    transport.set_status(DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER);
    transport.write_driver_features(2);
    transport.set_status(DeviceStatus::FEATURES_OK);
    assert!(
        !transport.get_status().contains(DeviceStatus::FEATURES_OK),
        "refused"
    );
    drop(transport);
    let found = device.world().violations();
    for what in [
        "before DRIVER_OK",
        "before FEATURES_OK",
        "set to 8 entries, of at most 4",
        "queue 9, which",
        "0x2, which are not offered",
        "refuses VERSION_1",
    ] {
        assert!(
            found.iter().any(|v| v.contains(what)),
            "{what:?} not in {found:?}"
        );
    }
    expect_violation(device, "notifies");
}

#[test]
#[should_panic(expected = "driver broke rules")]
fn a_violation_fails_the_test_by_itself() {
    let (device, mut transport) = FakeDevice::builder(DeviceType::Console)
        .queues(&[4])
        .build();
    transport.notify(0);
    drop(transport);
    drop(device);
}

#[test]
fn config_space_has_an_end() {
    let (device, mut transport) = FakeDevice::builder(DeviceType::_9P)
        .config(&[4, 0, b'r', b'o', b'o', b't'])
        .queues(&[4])
        .build();
    assert_eq!(transport.read_config_space::<u16>(0), Ok(4));
    assert_eq!(transport.read_config_space::<u8>(5), Ok(b't'));
    assert_eq!(
        transport.read_config_space::<u32>(4),
        Err(Error::ConfigSpaceTooSmall)
    );
    assert_eq!(transport.write_config_space(2, b'b'), Ok(()));
    assert_eq!(device.config()[2], b'b');
    device.set_config(2, b"m");
    assert_eq!(
        (transport.read_config_generation(), device.config()[2]),
        (1, b'm')
    );
    assert_eq!(
        transport.ack_interrupt().bits(),
        InterruptStatus::DEVICE_CONFIGURATION_INTERRUPT.bits()
    );
}

#[test]
fn dma_memory_runs_out_on_request() {
    let (device, mut transport) = FakeDevice::builder(DeviceType::Console)
        .queues(&[4])
        .build();
    device.world().limit_dma_pages(Some(1));
    transport.begin_init(Feature::VERSION_1);
    assert_eq!(
        Queue::new(&mut transport, 0, false, false).err(),
        Some(Error::DmaError)
    );
    device.world().assert_clean();
}

#[test]
fn direct_memory_reaches_the_device() {
    let (device, mut transport) = FakeDevice::builder(DeviceType::Console)
        .queues(&[4])
        .build();
    transport.begin_init(Feature::VERSION_1);
    let mut queue = VirtQueue::<DirectHal, 4>::new(&mut transport, 0, false, false).unwrap();
    transport.finish_init();
    let (paddr, vaddr) = DirectHal::dma_alloc(1, BufferDirection::Both);
    // SAFETY: a page just allocated, that only this test looks at.
    let page = unsafe { NonNull::slice_from_raw_parts(vaddr, 4096).as_mut() };
    // SAFETY: the page lives until popped below.
    let token = unsafe { queue.add(&[], &mut [&mut page[100..200]]) }.unwrap();
    let chain = device.queue(0).pop().unwrap();
    assert_eq!(chain.write(0, b"x"), 1);
    chain.complete(1);
    // SAFETY: the same buffer as above.
    let result = unsafe { queue.pop_used(token, &[], &mut [&mut page[100..200]]) };
    assert_eq!(result, Ok(1));
    assert_eq!(page[100], b'x');
    // SAFETY: allocated above, not used any more.
    let result = unsafe { DirectHal::dma_dealloc(paddr, vaddr, 1) };
    assert_eq!(result, 0);
    drop(transport);
    drop(queue);
    device.world().assert_clean();
}
