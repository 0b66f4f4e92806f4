//! The console driver allocates nothing once it is set up.

#![cfg(feature = "driver")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use support::{RX, TX, TestConsole, finish, started};
use uio_console::driver::{Error, TX_BUFFERS};
use uio_virtio_fake::{FakeDevice, in_fake};

/// Counts allocations other than the fake's own.
struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !in_fake() {
            COUNT.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: the caller's promises are the system allocator's demands.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are the system allocator's demands.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The driver's calls only; the device's part is played outside.
fn counted<U>(f: impl FnOnce() -> U) -> (U, usize) {
    let before = COUNT.load(Ordering::Relaxed);
    let result = f();
    (result, COUNT.load(Ordering::Relaxed) - before)
}

fn round(device: &FakeDevice, console: &mut TestConsole) {
    assert!(device.queue(RX).fill(&[1; 5000]).is_empty());
    let (result, count) = counted(|| {
        console.interrupt.acknowledge();
        console.rx.receive(&mut |piece| assert!(!piece.is_empty()))
    });
    assert_eq!((result, count), (Ok(5000), 0));
    let (full, count) = counted(|| {
        for _ in 0..TX_BUFFERS {
            console
                .tx
                .try_send(100, &mut |buffer| buffer.len())
                .unwrap();
        }
        (
            console.tx.try_send(1, &mut |buffer| buffer.len()),
            console.tx.arm(),
        )
    });
    assert_eq!((full, count), ((Err(Error::Full), Ok(false)), 0));
    assert_eq!(device.queue(TX).drain().len(), TX_BUFFERS);
    let (room, count) = counted(|| console.tx.completed());
    assert_eq!((room, count), (Ok(true), 0));
}

#[test]
fn nothing_is_allocated_after_start() {
    let (made, count) = counted(|| vec![1]);
    assert_eq!((made.len(), count), (1, 1), "allocations are counted");
    let (device, mut console) = started();
    for _ in 0..100 {
        round(&device, &mut console);
        assert_eq!(device.world().live_dma_pages(), 6 + TX_BUFFERS);
    }
    finish(&device, console);
}
