//! The console driver against a device that lies or breaks: an error, latched, and nothing else.

#![cfg(feature = "driver")]

mod support;

use support::{RX, TX, finish, receive, send, started};
use uio_console::driver::{Error, RX_BUFFERS, RX_LEN, TX_BUFFERS, restart};
use uio_virtio_fake::{DeviceQueue, FakeDevice};

/// Lets the device tell its lie about received bytes, and expects a console that is broken and can be mended.
fn receiving(lie: impl FnOnce(&DeviceQueue)) {
    let (device, mut console) = started();
    lie(&device.queue(RX));
    assert_eq!(receive(&mut console.rx), Err(Error::Broken));
    assert_eq!(receive(&mut console.rx), Err(Error::Broken), "latched");
    assert_eq!(
        send(&mut console.tx, b"x"),
        Err(Error::Broken),
        "for both halves"
    );
    mended(&device, console);
}

/// As [`receiving`], about sent frames.
fn sending(lie: impl FnOnce(&DeviceQueue)) {
    let (device, mut console) = started();
    send(&mut console.tx, b"one").unwrap();
    send(&mut console.tx, b"two").unwrap();
    lie(&device.queue(TX));
    assert_eq!(console.tx.reap(), Err(Error::Broken));
    assert_eq!(
        (console.tx.arm(), console.tx.completed()),
        (Err(Error::Broken), Err(Error::Broken))
    );
    assert_eq!(
        receive(&mut console.rx),
        Err(Error::Broken),
        "for both halves"
    );
    mended(&device, console);
}

fn mended(device: &FakeDevice, mut console: support::TestConsole) {
    assert_eq!(restart(&mut console.rx, &mut console.tx), Ok(()));
    assert!(device.queue(RX).fill(b"back").is_empty());
    assert_eq!(receive(&mut console.rx), Ok(b"back".to_vec()));
    send(&mut console.tx, b"back").unwrap();
    assert_eq!(device.queue(TX).drain(), [b"back".to_vec()]);
    finish(device, console);
}

#[test]
fn ids_out_of_range() {
    for id in [8_u32, 9, 127, 128, 255, 256, 32768, 65535, u32::MAX] {
        receiving(|queue| queue.push_used(id, 1));
        sending(|queue| queue.push_used(id, 0));
    }
}

#[test]
fn ids_that_are_not_lent() {
    for id in RX_BUFFERS as u16..8 {
        receiving(|queue| queue.push_used(id, 1));
    }
    for id in 2_u16..8 {
        sending(|queue| queue.push_used(id, 0));
    }
}

#[test]
fn more_bytes_than_the_buffer_has() {
    for len in [RX_LEN as u32 + 1, 4096, 65536, i32::MAX as u32, u32::MAX] {
        receiving(|queue| {
            let chain = queue.pop().unwrap();
            assert_eq!(chain.writable_len(), RX_LEN);
            queue.push_used(chain.head(), len);
        });
        sending(|queue| queue.push_used(queue.pop().unwrap().head(), len));
    }
    sending(|queue| queue.push_used(queue.pop().unwrap().head(), 4));
}

#[test]
fn twice_used() {
    receiving(|queue| {
        let chain = queue.pop().unwrap();
        chain.write(0, b"once");
        queue.push_used(chain.head(), 4);
        queue.push_used(chain.head(), 4);
    });
    sending(|queue| {
        let chain = queue.pop().unwrap();
        queue.push_used(chain.head(), 0);
        queue.push_used(chain.head(), 0);
    });
}

#[test]
fn a_used_index_that_runs_ahead() {
    for count in [9, 100, 32768, 65535] {
        receiving(|queue| queue.skip_used(count));
        sending(|queue| queue.skip_used(count));
    }
}

#[test]
fn what_came_before_the_lie_is_handed_over() {
    let (device, mut console) = started();
    assert!(device.queue(RX).fill(b"true").is_empty());
    device.queue(RX).push_used(99_u16, 5);
    let mut seen = Vec::new();
    let result = console
        .rx
        .receive(&mut |piece| seen.extend_from_slice(piece));
    assert_eq!((result, &seen[..]), (Err(Error::Broken), &b"true"[..]));
    mended(&device, console);
}

#[test]
fn a_full_ring_of_lies_ends() {
    let (device, mut console) = started();
    for _ in 0..TX_BUFFERS {
        send(&mut console.tx, b"frame").unwrap();
    }
    for i in 0..200_u32 {
        device.queue(TX).push_used(i % 8, 0);
    }
    assert_eq!(console.tx.reap(), Err(Error::Broken));
    mended(&device, console);
}

#[test]
fn a_device_that_needs_a_reset_gets_one() {
    let (device, mut console) = started();
    device.set_config(0, &[80, 0]);
    assert!(console.interrupt.acknowledge());
    assert_eq!(
        receive(&mut console.rx),
        Ok(vec![]),
        "the size of a window is no reason to stop"
    );
    device.needs_reset();
    assert!(console.interrupt.acknowledge());
    assert_eq!(receive(&mut console.rx), Err(Error::Broken));
    assert_eq!(send(&mut console.tx, b"x"), Err(Error::Broken));
    mended(&device, console);
}

#[test]
fn memory_that_the_device_does_not_return_is_not_freed() {
    let (device, mut console) = started();
    send(&mut console.tx, b"x").unwrap();
    device.ignore_reset(true);
    assert_eq!(
        restart(&mut console.rx, &mut console.tx),
        Err(Error::Broken)
    );
    assert_eq!(send(&mut console.tx, b"x"), Err(Error::Broken));
    drop(console);
    assert_eq!(
        device.world().live_dma_pages(),
        7,
        "leaked rather than written by the device later"
    );
    assert!(device.world().violations().is_empty());
}

#[test]
fn random_used_entries_never_panic() {
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let (device, mut console) = started();
    let mut broken = 0;
    for _ in 0..20_000 {
        let queue = device.queue((next() % 2) as u16);
        let chain = queue.pop();
        match (next() % 8, chain) {
            (0, _) => queue.push_used((next() % 12) as u32, (next() % 4096) as u32),
            (1, _) => queue.skip_used((next() % 3) as u16),
            (2, _) => queue.push_used(next() as u32, next() as u32),
            (_, Some(chain)) => {
                let written = chain.write(0, &[1, 2, 3]);
                chain.complete(written as u32);
            }
            (_, None) => {}
        }
        let received = receive(&mut console.rx);
        let sent = send(&mut console.tx, b"frame");
        if received == Err(Error::Broken) || sent == Err(Error::Broken) {
            broken += 1;
            assert_eq!(restart(&mut console.rx, &mut console.tx), Ok(()));
        }
    }
    assert!(broken > 1000, "{broken}");
    finish(&device, console);
}
