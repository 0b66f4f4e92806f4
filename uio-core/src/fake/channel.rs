//! A console that keeps the frames until the test reads them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use std::vec::Vec;

use uio_console::MAX_PAYLOAD;

use crate::Channel;

/// See the module.
pub struct FakeChannel {
    frames: Mutex<VecDeque<Vec<u8>>>,
    changed: Condvar,
    /// Frames that have room at once.
    pub room: AtomicUsize,
    /// Refuses every n-th frame although there is room; 0 for never.
    pub refuse_every: AtomicU32,
    /// Sleeps in the middle of a send, where a task of higher priority would come in.
    pub slow: AtomicBool,
    /// Sends that were tried.
    pub tries: AtomicU32,
}

impl FakeChannel {
    /// A channel with plenty of room.
    #[must_use]
    pub fn new() -> Self {
        Self {
            frames: Mutex::default(),
            changed: Condvar::new(),
            room: AtomicUsize::new(64),
            refuse_every: AtomicU32::new(0),
            slow: AtomicBool::new(false),
            tries: AtomicU32::new(0),
        }
    }

    /// Sets how many frames there is room for.
    pub fn set_room(&self, frames: usize) {
        let _held = self.frames.lock().unwrap();
        self.room.store(frames, SeqCst);
        self.changed.notify_all();
    }

    /// The next frame's payload, waiting for it that long.
    pub fn take(&self, timeout: Duration) -> Option<Vec<u8>> {
        let until = Instant::now() + timeout;
        let mut frames = self.frames.lock().unwrap();
        loop {
            if let Some(frame) = frames.pop_front() {
                self.changed.notify_all();
                return Some(frame);
            }
            let left = until.checked_duration_since(Instant::now())?;
            frames = self.changed.wait_timeout(frames, left).unwrap().0;
        }
    }

    /// Frames that nobody has read.
    pub fn waiting(&self) -> usize {
        self.frames.lock().unwrap().len()
    }
}

impl Default for FakeChannel {
    fn default() -> Self {
        Self::new()
    }
}

impl Channel for FakeChannel {
    fn try_send(&self, payload: &[u8]) -> bool {
        assert!(payload.len() <= MAX_PAYLOAD, "payload too long");
        assert!(!payload.is_empty(), "empty payload");
        let tries = self.tries.fetch_add(1, SeqCst);
        if self.slow.load(SeqCst) {
            thread::sleep(Duration::from_millis(2));
        }
        let every = self.refuse_every.load(SeqCst);
        let mut frames = self.frames.lock().unwrap();
        if frames.len() >= self.room.load(SeqCst) || (every != 0 && tries.is_multiple_of(every)) {
            return false;
        }
        frames.push_back(payload.to_vec());
        self.changed.notify_all();
        true
    }

    /// Comes back after 5 ms at the latest.
    fn wait_for_room(&self) {
        let frames = self.frames.lock().unwrap();
        if frames.len() >= self.room.load(SeqCst) {
            let time = Duration::from_millis(5);
            drop(self.changed.wait_timeout(frames, time).unwrap());
        }
    }
}
