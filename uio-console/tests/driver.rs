//! The console driver against a device that behaves, quickly or slowly.

#![cfg(feature = "driver")]

mod support;

use support::{RX, TX, TestConsole, device, finish, receive, send, started};
use uio_console::driver::{Console, Error, RX_BUFFERS, RX_LEN, TX_BUFFERS, TX_LEN, restart};
use uio_virtio_fake::{EVENT_IDX, FakeDevice, INDIRECT_DESC, VERSION_1};
use virtio_drivers::transport::{DeviceStatus, DeviceType};

#[test]
fn start_negotiates_little_and_lends_every_receive_buffer() {
    let offered = VERSION_1 | EVENT_IDX | INDIRECT_DESC | 0b111;
    let (device, transport) = FakeDevice::builder(DeviceType::Console)
        .features(offered)
        .config(&[0; 12])
        .queues(&[128, 128])
        .build();
    let console: TestConsole = Console::new(transport).unwrap();
    assert_eq!(device.accepted_features(), VERSION_1);
    assert!(device.status().contains(DeviceStatus::DRIVER_OK));
    assert_eq!(device.queue(RX).available(), RX_BUFFERS as u16);
    assert_eq!((device.notifications(RX), device.notifications(TX)), (1, 0));
    assert!(device.queue(RX).interrupt_wanted());
    assert!(!device.queue(TX).interrupt_wanted());
    assert_eq!(
        device.world().live_dma_pages(),
        6,
        "two a queue and two of receive buffers"
    );
    finish(&device, console);
}

#[test]
fn start_refuses_what_is_no_console() {
    let start = |device: DeviceType, features, queues: &[u32]| {
        let (device, transport) = FakeDevice::builder(device)
            .features(features)
            .queues(queues)
            .build();
        let error = TestConsole::new(transport).err();
        device.world().assert_clean();
        error
    };
    assert_eq!(
        start(DeviceType::Block, VERSION_1, &[128, 128]),
        Some(Error::NotConsole)
    );
    assert_eq!(
        start(DeviceType::Console, 1, &[128, 128]),
        Some(Error::Legacy)
    );
    assert_eq!(
        start(DeviceType::Console, VERSION_1, &[]),
        Some(Error::Queue)
    );
    assert_eq!(
        start(DeviceType::Console, VERSION_1, &[128]),
        Some(Error::Queue)
    );
    assert_eq!(
        start(DeviceType::Console, VERSION_1, &[128, 4]),
        Some(Error::Queue)
    );
    assert_eq!(start(DeviceType::Console, VERSION_1, &[16, 16]), None);
}

#[test]
fn start_without_memory_frees_what_it_got() {
    for pages in 0..6 {
        let (device, transport) = device();
        device.world().limit_dma_pages(Some(pages));
        assert_eq!(
            TestConsole::new(transport).err(),
            Some(Error::NoMemory),
            "{pages} pages"
        );
        device.world().assert_clean();
    }
}

#[test]
fn bytes_arrive_in_order_and_buffers_go_back() {
    let (device, mut console) = started();
    assert_eq!(receive(&mut console.rx), Ok(vec![]));
    assert_eq!(device.notifications(RX), 1, "nothing lent, nothing to tell");
    let sent: Vec<u8> = (0..RX_LEN * 2 + 100).map(|i| i as u8).collect();
    assert!(device.queue(RX).fill(&sent).is_empty());
    assert_eq!(device.interrupts(), 3);
    assert!(console.interrupt.acknowledge());
    assert!(!console.interrupt.acknowledge());
    assert_eq!(receive(&mut console.rx), Ok(sent));
    assert_eq!(device.notifications(RX), 2, "one for all three buffers");
    assert_eq!(device.queue(RX).available(), RX_BUFFERS as u16);
    finish(&device, console);
}

#[test]
fn a_long_stream_passes_in_both_directions_at_once() {
    let (device, mut console) = started();
    let (mut received, mut read) = (Vec::new(), Vec::new());
    let sent: Vec<u8> = (0..200_000_u32)
        .map(|i| (i.wrapping_mul(i) >> 3) as u8)
        .collect();
    let mut rest = &sent[..];
    let mut pieces = sent.chunks(1 + sent.len() / 300).peekable();
    while !rest.is_empty() || pieces.peek().is_some() {
        rest = device.queue(RX).fill(rest);
        received.extend(receive(&mut console.rx).unwrap());
        while let Some(piece) = pieces.peek() {
            match send(&mut console.tx, piece) {
                Ok(()) => pieces.next(),
                Err(error) => {
                    assert_eq!(error, Error::Full);
                    break;
                }
            };
        }
        read.extend(device.queue(TX).drain().concat());
    }
    received.extend(receive(&mut console.rx).unwrap());
    assert!(received == sent && read == sent);
    finish(&device, console);
}

#[test]
fn the_device_may_use_a_part_of_the_buffers_and_finish_out_of_order() {
    let (device, mut console) = started();
    let queue = device.queue(RX);
    let (first, second, third) = (
        queue.pop().unwrap(),
        queue.pop().unwrap(),
        queue.pop().unwrap(),
    );
    second.write(0, b"second");
    first.write(0, b"first");
    queue.push_used(second.head(), 6);
    queue.push_used(first.head(), 5);
    // The used ring's order is the stream's order, whatever the order of lending was.
    assert_eq!(receive(&mut console.rx), Ok(b"secondfirst".to_vec()));
    queue.push_used(third.head(), 0);
    assert_eq!(
        receive(&mut console.rx),
        Ok(vec![]),
        "an empty one is lent again"
    );
    assert_eq!(queue.available(), RX_BUFFERS as u16);
    finish(&device, console);
}

#[test]
fn frames_come_back_in_any_order() {
    let (device, mut console) = started();
    let queue = device.queue(TX);
    for i in 0..TX_BUFFERS as u8 {
        send(&mut console.tx, &[i; 3]).unwrap();
    }
    let mut chains: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
    let read: Vec<u8> = chains.iter().flat_map(|chain| chain.read()).collect();
    assert_eq!(
        read,
        (0..TX_BUFFERS as u8)
            .flat_map(|i| [i; 3])
            .collect::<Vec<_>>()
    );
    chains.swap(0, 5);
    chains.rotate_left(3);
    for chain in chains.drain(..3) {
        chain.complete(0);
    }
    assert_eq!(console.tx.reap(), Ok(3));
    assert_eq!(console.tx.free(), 3);
    for _ in 0..3 {
        send(&mut console.tx, b"again").unwrap();
    }
    assert_eq!(send(&mut console.tx, b"no"), Err(Error::Full));
    for chain in chains {
        chain.complete(0);
    }
    assert_eq!(queue.drain(), vec![b"again".to_vec(); 3]);
    assert_eq!(console.tx.reap(), Ok(TX_BUFFERS));
    finish(&device, console);
}

#[test]
fn a_reader_that_never_reads_costs_a_full_and_no_more() {
    let (device, mut console) = started();
    for _ in 0..TX_BUFFERS {
        send(&mut console.tx, &[7; TX_LEN]).unwrap();
    }
    for _ in 0..100 {
        assert_eq!(send(&mut console.tx, b"more"), Err(Error::Full));
    }
    assert_eq!(console.tx.arm(), Ok(false));
    assert_eq!(
        console.tx.completed(),
        Ok(false),
        "an interrupt for something else"
    );
    assert_eq!(device.notifications(TX), TX_BUFFERS);
    // Receiving goes on meanwhile.
    assert!(device.queue(RX).fill(b"interrupt").is_empty());
    assert_eq!(receive(&mut console.rx), Ok(b"interrupt".to_vec()));
    finish(&device, console);
}

#[test]
fn completions_interrupt_only_while_somebody_waits() {
    let (device, mut console) = started();
    for _ in 0..TX_BUFFERS {
        send(&mut console.tx, b"frame").unwrap();
    }
    assert_eq!(console.tx.arm(), Ok(false));
    device.queue(TX).pop().unwrap().complete(0);
    assert_eq!(device.interrupts(), 1);
    assert!(console.interrupt.acknowledge());
    assert_eq!(console.tx.completed(), Ok(true));
    assert_eq!(console.tx.completed(), Ok(false), "nobody waits any more");
    device.queue(TX).pop().unwrap().complete(0);
    assert_eq!(device.interrupts(), 1);
    send(&mut console.tx, b"frame").unwrap();
    send(&mut console.tx, b"frame").unwrap();
    assert_eq!(send(&mut console.tx, b"frame"), Err(Error::Full));
    finish(&device, console);
}

#[test]
fn a_completion_just_before_arming_is_not_slept_through() {
    let (device, mut console) = started();
    for _ in 0..TX_BUFFERS {
        send(&mut console.tx, b"frame").unwrap();
    }
    assert_eq!(send(&mut console.tx, b"frame"), Err(Error::Full));
    device.queue(TX).pop().unwrap().complete(0);
    assert_eq!((device.interrupts(), console.tx.arm()), (0, Ok(true)));
    send(&mut console.tx, b"frame").unwrap();
    finish(&device, console);
}

#[test]
fn somebody_elses_reaping_does_not_lose_the_wake_up() {
    let (device, mut console) = started();
    for _ in 0..TX_BUFFERS {
        send(&mut console.tx, b"frame").unwrap();
    }
    assert_eq!(console.tx.arm(), Ok(false));
    device.queue(TX).pop().unwrap().complete(0);
    device.queue(TX).pop().unwrap().complete(0);
    // Another task sends before the one that waits has run.
    send(&mut console.tx, b"frame").unwrap();
    assert_eq!(console.tx.completed(), Ok(true));
    finish(&device, console);
}

#[test]
fn a_lost_interrupt_costs_time_only() {
    let (device, mut console) = started();
    device.lose_interrupts(true);
    assert!(device.queue(RX).fill(b"hello").is_empty());
    assert!(!console.interrupt.acknowledge());
    assert_eq!(receive(&mut console.rx), Ok(b"hello".to_vec()));
    device.lose_interrupts(false);
    device.spurious_interrupt();
    assert!(console.interrupt.acknowledge());
    assert_eq!(
        (receive(&mut console.rx), console.tx.completed()),
        (Ok(vec![]), Ok(false))
    );
    finish(&device, console);
}

#[test]
fn a_device_that_looks_by_itself_is_not_notified() {
    let (device, mut console) = started();
    device.queue(TX).suppress_notifications(true);
    send(&mut console.tx, b"quiet").unwrap();
    assert_eq!(device.notifications(TX), 0);
    device.queue(TX).suppress_notifications(false);
    send(&mut console.tx, b"loud").unwrap();
    assert_eq!(device.notifications(TX), 1);
    assert_eq!(
        device.queue(TX).drain(),
        [b"quiet".to_vec(), b"loud".to_vec()]
    );
    finish(&device, console);
}

#[test]
fn a_device_that_answers_inside_the_notification_needs_one_buffer() {
    let (device, mut console) = started();
    device.on_notify(|device, queue| {
        if queue == TX {
            let _frames = device.queue(TX).drain();
        }
    });
    for _ in 0..50 {
        send(&mut console.tx, b"frame").unwrap();
    }
    assert_eq!(device.world().live_dma_pages(), 7);
    finish(&device, console);
}

#[test]
fn transmit_buffers_are_made_when_needed_and_no_sooner() {
    let (device, mut console) = started();
    let pages = |device: &FakeDevice| device.world().live_dma_pages();
    assert_eq!((pages(&device), console.tx.free()), (6, 0));
    send(&mut console.tx, b"one").unwrap();
    assert_eq!(pages(&device), 7);
    device.world().limit_dma_pages(Some(1));
    send(&mut console.tx, b"two").unwrap();
    assert_eq!(send(&mut console.tx, b"three"), Err(Error::Full));
    assert_eq!(console.tx.arm(), Ok(false), "memory is no room to wait for");
    assert_eq!(device.queue(TX).drain().len(), 2);
    assert_eq!(console.tx.completed(), Ok(true));
    send(&mut console.tx, b"three").unwrap();
    finish(&device, console);
}

#[test]
fn no_memory_for_a_first_frame_is_no_reason_to_wait() {
    let (device, mut console) = started();
    device.world().limit_dma_pages(Some(0));
    assert_eq!(send(&mut console.tx, b"one"), Err(Error::NoMemory));
    device.world().limit_dma_pages(None);
    assert_eq!(send(&mut console.tx, b"one"), Ok(()));
    finish(&device, console);
}

#[test]
fn what_is_filled_is_what_is_sent() {
    let (device, mut console) = started();
    let mut seen = 0;
    let mut fill = |buffer: &mut [u8]| {
        seen = buffer.len();
        buffer.fill(b'x');
        3
    };
    console.tx.try_send(10, &mut fill).unwrap();
    assert_eq!(seen, 10);
    console.tx.try_send(10, &mut |_| 0).unwrap();
    console.tx.try_send(0, &mut |buffer| buffer.len()).unwrap();
    console.tx.try_send(2, &mut |_| usize::MAX).unwrap();
    let never = &mut |_: &mut [u8]| unreachable!("refused before");
    assert_eq!(console.tx.try_send(TX_LEN + 1, never), Err(Error::TooLong));
    let sent: Vec<usize> = device.queue(TX).drain().iter().map(Vec::len).collect();
    assert_eq!(sent, [3, 2]);
    finish(&device, console);
}

#[test]
fn a_restart_begins_with_empty_queues() {
    let (device, mut console) = started();
    assert!(device.queue(RX).fill(b"lost").is_empty());
    for _ in 0..TX_BUFFERS {
        send(&mut console.tx, b"lost").unwrap();
    }
    assert_eq!(restart(&mut console.rx, &mut console.tx), Ok(()));
    assert!(device.status().contains(DeviceStatus::DRIVER_OK));
    assert_eq!(
        (receive(&mut console.rx), console.tx.free()),
        (Ok(vec![]), 0)
    );
    assert!(device.queue(RX).fill(b"new").is_empty());
    assert_eq!(receive(&mut console.rx), Ok(b"new".to_vec()));
    send(&mut console.tx, b"new").unwrap();
    assert_eq!(device.queue(TX).drain(), [b"new".to_vec()]);
    finish(&device, console);
}

#[test]
fn halves_of_two_consoles_do_not_restart() {
    let ((first, mut one), (second, mut other)) = (started(), started());
    assert_eq!(restart(&mut one.rx, &mut other.tx), Err(Error::Mismatch));
    assert_eq!(send(&mut other.tx, b"fine"), Ok(()));
    finish(&second, other);
    first.world().enter();
    finish(&first, one);
}

#[test]
fn a_dropped_half_takes_the_device_from_the_other() {
    let (device, console) = started();
    let Console {
        rx,
        mut tx,
        interrupt,
    } = console;
    send(&mut tx, b"on its way").unwrap();
    drop(rx);
    assert!(device.status().is_empty());
    assert_eq!(send(&mut tx, b"too late"), Err(Error::Broken));
    assert!(!interrupt.acknowledge());
    drop((tx, interrupt));
    device.world().assert_clean();
}
