//! Many senders under one lock, and a device that is slow: every frame arrives once, and nobody sleeps for ever.

#![cfg(feature = "driver")]

mod support;

use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use support::{TX, TestTx, send, started};
use uio_console::driver::{Console, Error};

const SENDERS: u8 = 4;
const FRAMES: u32 = 3000;

/// What a platform has around the sending half.
struct Sender {
    tx: Mutex<TestTx>,
    room: Condvar,
}

impl Sender {
    /// Sends, and sleeps while there is no room.
    fn send(&self, frame: &[u8]) {
        let mut tx = self.tx.lock().unwrap();
        loop {
            match send(&mut tx, frame) {
                Ok(()) => return,
                Err(error) => assert_eq!(error, Error::Full),
            }
            if !tx.arm().unwrap() {
                let (woken, timeout) = self.room.wait_timeout(tx, Duration::from_secs(20)).unwrap();
                assert!(!timeout.timed_out(), "a wake-up was lost");
                tx = woken;
            }
        }
    }
}

#[test]
fn senders_wake_up_when_there_is_room() {
    let (device, console) = started();
    let Console { rx, tx, interrupt } = console;
    let sender = Arc::new(Sender {
        tx: Mutex::new(tx),
        room: Condvar::new(),
    });
    device.on_interrupt({
        let sender = Arc::clone(&sender);
        move || {
            interrupt.acknowledge();
            if sender.tx.lock().unwrap().completed().unwrap() {
                sender.room.notify_all();
            }
        }
    });
    let (read, frames) = mpsc::channel();
    thread::scope(|scope| {
        for id in 0..SENDERS {
            let (sender, world) = (&sender, device.world());
            scope.spawn(move || {
                world.enter();
                for number in 0..FRAMES {
                    let mut frame = [id; 5];
                    frame[1..].copy_from_slice(&number.to_le_bytes());
                    sender.send(&frame);
                }
            });
        }
        // The device: sends a few at a time, in changing order, and pauses now and then.
        let mut left = u32::from(SENDERS) * FRAMES;
        let mut round = 0_usize;
        while left > 0 {
            let mut chains: Vec<_> = std::iter::from_fn(|| device.queue(TX).pop())
                .take(1 + round % 7)
                .collect();
            left -= chains.len() as u32;
            for chain in &chains {
                read.send(chain.read()).unwrap();
            }
            if round.is_multiple_of(3) {
                chains.reverse();
            }
            chains.into_iter().for_each(|chain| chain.complete(0));
            if round.is_multiple_of(5) {
                thread::yield_now();
            }
            round += 1;
        }
    });
    let mut next = [0; SENDERS as usize];
    for frame in frames.try_iter() {
        let number = u32::from_le_bytes(frame[1..].try_into().unwrap());
        let expected = &mut next[usize::from(frame[0])];
        assert_eq!(number, *expected, "each sender's frames stay in order");
        *expected += 1;
    }
    assert_eq!(next, [FRAMES; SENDERS as usize]);
    device.on_interrupt(|| {});
    drop((rx, sender));
    device.world().assert_clean();
}
