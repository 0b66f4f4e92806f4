//! A kernel whose tasks are threads.

use std::collections::{BTreeMap, BTreeSet};
use std::string::{String, ToString};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};
use std::vec::Vec;

use uio_console::record::{LogLine, Memory, Task, TaskState};

use crate::platform::{EVENTS, Event, Image, Platform};

/// How a spawned task enters the engine.
type Entry = Arc<dyn Fn(usize) + Send + Sync>;

/// See the module. Its fields are what a test sets up and looks at.
pub struct FakePlatform {
    /// What the image says of itself.
    pub image: Image,
    /// Tasks to list: identifier, name.
    pub tasks: Mutex<Vec<(i32, String)>>,
    /// Lines of the log, the first of which has number [`Self::log_start`].
    pub log: Mutex<Vec<String>>,
    /// Number of the first line that the ring still holds.
    pub log_start: AtomicU64,
    /// Memory that can be read, by its address.
    pub memory: Mutex<BTreeMap<u64, Vec<u8>>>,
    /// Signals with a handler.
    pub handlers: Mutex<BTreeSet<i32>>,
    /// Signals that were delivered.
    pub signals: Mutex<Vec<i32>>,
    /// No task can be made.
    pub refuse_spawn: AtomicBool,
    /// Worker tasks that exist.
    pub workers: AtomicUsize,
    /// Worker tasks that were ever made.
    pub spawned: AtomicUsize,
    /// Where eBPF programs run; `None` for a kernel without.
    #[cfg(feature = "bpf")]
    pub tracing: Mutex<Option<&'static super::FakeTracing>>,
    /// Waits so far. Every seventh ends at once, as a kernel's may.
    pub waits: AtomicU32,
    start: Instant,
    skipped_us: AtomicU64,
    clocks: AtomicU32,
    events: [(Mutex<bool>, Condvar); EVENTS],
    entry: OnceLock<Entry>,
}

impl FakePlatform {
    /// A kernel that has just booted.
    #[must_use]
    pub fn new() -> Self {
        Self {
            image: Image {
                kernel: "hermit 0.11.0",
                arch: "x86_64",
                build_id: &[0xb1, 0x1d],
                features: "pci uio",
                base: 0x20_0000,
                size: 0x10_0000,
            },
            tasks: Mutex::new(std::vec![
                (0, "idle".to_string()),
                (1, "main".to_string()),
                (2, "uio".to_string())
            ]),
            log: Mutex::default(),
            log_start: AtomicU64::new(0),
            memory: Mutex::default(),
            handlers: Mutex::default(),
            signals: Mutex::default(),
            refuse_spawn: AtomicBool::new(false),
            workers: AtomicUsize::new(0),
            spawned: AtomicUsize::new(0),
            #[cfg(feature = "bpf")]
            tracing: Mutex::new(Some(std::boxed::Box::leak(std::boxed::Box::default()))),
            waits: AtomicU32::new(0),
            start: Instant::now(),
            skipped_us: AtomicU64::new(0),
            clocks: AtomicU32::new(0),
            events: [const { (Mutex::new(false), Condvar::new()) }; EVENTS],
            entry: OnceLock::new(),
        }
    }

    /// Says how a worker task enters the engine. Once.
    pub fn boot(&self, entry: impl Fn(usize) + Send + Sync + 'static) {
        assert!(self.entry.set(Arc::new(entry)).is_ok(), "booted twice");
    }

    /// Puts the clock forward, which ends all waits.
    pub fn skip_ms(&self, ms: u64) {
        self.skipped_us.fetch_add(ms * 1000, SeqCst);
        for event in 0..EVENTS {
            self.wake(Event(event as u8));
        }
    }
}

impl Default for FakePlatform {
    fn default() -> Self {
        Self::new()
    }
}

impl Platform for FakePlatform {
    type RawMutex = parking_lot::RawMutex;

    fn image(&self) -> &Image {
        &self.image
    }

    fn since_boot_us(&self) -> u64 {
        // Now and then other tasks come in here.
        if self.clocks.fetch_add(1, SeqCst) % 5 == 4 {
            thread::sleep(Duration::from_micros(200));
        }
        self.start.elapsed().as_micros() as u64 + self.skipped_us.load(SeqCst)
    }

    fn now_us(&self) -> u64 {
        1_700_000_000_000_000 + self.since_boot_us()
    }

    fn cores(&self) -> u16 {
        1
    }

    fn tasks(&self, each: &mut dyn FnMut(&Task<'_>) -> bool) {
        for (id, name) in self.tasks.lock().unwrap().iter() {
            let task = Task {
                id: *id,
                name,
                state: TaskState::Blocked,
                priority: 2,
                core: 0,
                stack_used: 1024,
                stack_size: 32768,
            };
            if !each(&task) {
                return;
            }
        }
    }

    fn memory(&self) -> Memory {
        Memory {
            total: 256 << 20,
            frames_free: 8 << 20,
            heap_total: 200 << 20,
            heap_used: 3 << 20,
            overlay: 12 << 10,
            programs: 0,
        }
    }

    fn log(&self, from: u64, each: &mut dyn FnMut(&LogLine<'_>) -> bool) {
        let start = self.log_start.load(SeqCst);
        for (index, text) in self.log.lock().unwrap().iter().enumerate() {
            let number = start + index as u64;
            let line = LogLine {
                number,
                at_us: number * 1000,
                level: 3,
                core: 0,
                text: text.as_bytes(),
            };
            if number >= from && !each(&line) {
                return;
            }
        }
    }

    fn read_memory(&self, address: u64, out: &mut [u8]) -> Result<(), u64> {
        let memory = self.memory.lock().unwrap();
        for (index, byte) in out.iter_mut().enumerate() {
            let at = address.checked_add(index as u64).ok_or(address)?;
            let (base, bytes) = memory.range(..=at).next_back().ok_or(at)?;
            *byte = *bytes.get((at - base) as usize).ok_or(at)?;
        }
        Ok(())
    }

    fn signal(&self, signal: i32) -> bool {
        let handled = self.handlers.lock().unwrap().contains(&signal);
        if handled {
            self.signals.lock().unwrap().push(signal);
        }
        handled
    }

    fn spawn_worker(&self, worker: usize) -> bool {
        if self.refuse_spawn.load(SeqCst) {
            return false;
        }
        let Some(entry) = self.entry.get().cloned() else {
            return false;
        };
        self.workers.fetch_add(1, SeqCst);
        self.spawned.fetch_add(1, SeqCst);
        thread::spawn(move || entry(worker));
        true
    }

    fn current_task(&self) -> i32 {
        3
    }

    fn wait(&self, event: Event, timeout_ms: Option<u64>) {
        if self.waits.fetch_add(1, SeqCst) % 7 == 6 {
            thread::yield_now();
            return;
        }
        let (woken, condition) = &self.events[usize::from(event.0)];
        let woken = woken.lock().unwrap();
        let mut woken = match timeout_ms {
            None => condition.wait_while(woken, |woken| !*woken).unwrap(),
            Some(ms) => {
                let time = Duration::from_millis(ms);
                condition
                    .wait_timeout_while(woken, time, |woken| !*woken)
                    .unwrap()
                    .0
            }
        };
        *woken = false;
    }

    fn wake(&self, event: Event) {
        let (woken, condition) = &self.events[usize::from(event.0)];
        *woken.lock().unwrap() = true;
        condition.notify_all();
    }

    #[cfg(feature = "bpf")]
    fn tracing(&self) -> Option<&'static dyn crate::bpf::Tracing> {
        let tracing = *self.tracing.lock().unwrap();
        tracing.map(|tracing| tracing as &'static dyn crate::bpf::Tracing)
    }
}
