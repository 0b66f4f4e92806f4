//! An isolation that has none: programs run on a thread of this process. With [`interface`] the one place in these
//! tests that needs `unsafe`.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_long, c_void};
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};

use uio_core::Engine;
use uio_core::engine::Job;
use uio_core::fake::{FakeFiles, FakePlatform};
use uio_core::isolation::{End, Entry, Forbidden, Isolation, Limits, Policy, Region};

use super::interface::{self, Held};

unsafe extern "C" {
    fn mmap(
        at: *mut c_void,
        len: usize,
        protection: c_int,
        flags: c_int,
        fd: c_int,
        offset: c_long,
    ) -> *mut c_void;
    fn mprotect(at: *mut c_void, len: usize, protection: c_int) -> c_int;
    fn munmap(at: *mut c_void, len: usize) -> c_int;
}

const READ: c_int = 1;
const WRITE: c_int = 2;
const EXECUTE: c_int = 4;
/// `MAP_PRIVATE | MAP_ANONYMOUS`.
const PRIVATE: c_int = 0x22;
/// `MAP_32BIT`: in the low 2 GiB.
const LOW: c_int = 0x40;
/// `MAP_FIXED_NOREPLACE`.
const THERE: c_int = 0x10_0000;

/// Maps an image where it belongs, once. Returns false if that address is taken.
pub fn map_image(base: u64, image: &[u8]) -> bool {
    static DONE: Mutex<Option<bool>> = Mutex::new(None);
    *DONE.lock().unwrap().get_or_insert_with(|| {
        let len = image.len().next_multiple_of(4096) + 65536;
        // SAFETY: the flags forbid to replace a mapping that is there.
        let at = unsafe {
            mmap(
                base as *mut c_void,
                len,
                READ | WRITE | EXECUTE,
                PRIVATE | THERE,
                -1,
                0,
            )
        };
        if at as u64 != base {
            return false;
        }
        // SAFETY: the mapping is new, large enough, and nothing else points into it.
        unsafe { std::ptr::copy_nonoverlapping(image.as_ptr(), at.cast(), image.len()) };
        true
    })
}

/// The isolation, and the engine that its programs talk to.
pub struct Native {
    guest: Mutex<Option<(&'static Engine<FakePlatform>, &'static FakeFiles)>>,
    /// What the gates allow.
    pub policy: Mutex<Policy>,
    /// Regions that live.
    pub regions: &'static AtomicUsize,
}

struct Mapped {
    at: usize,
    len: usize,
    data: usize,
    regions: &'static AtomicUsize,
}

impl Drop for Mapped {
    fn drop(&mut self) {
        self.regions.fetch_sub(1, SeqCst);
        // SAFETY: the mapping is owned.
        unsafe { munmap(self.at as *mut c_void, self.len) };
    }
}

impl Region for Mapped {
    fn base(&self) -> u64 {
        self.at as u64
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: that part of the mapping is writable, and `self` is borrowed for as long as the slice lives. A
        // program that writes there runs only while nobody has this slice.
        unsafe {
            std::slice::from_raw_parts_mut((self.at + self.data) as *mut u8, self.len - self.data)
        }
    }

    fn seal(&mut self, text: Range<usize>, constants: Range<usize>) {
        self.data = constants.end;
        for (range, protection) in [(text, READ | EXECUTE), (constants, READ)] {
            if !range.is_empty() {
                // SAFETY: whole pages of this mapping, and no slice of it lives.
                let result = unsafe {
                    mprotect(
                        (self.at + range.start) as *mut c_void,
                        range.len(),
                        protection,
                    )
                };
                assert_eq!(result, 0);
            }
        }
    }
}

/// What the thread of a program knows.
pub struct Running {
    pub native: &'static Native,
    pub worker: usize,
    pub end: Sender<End>,
    pub held: Held,
}

thread_local! {
    static RUNNING: RefCell<Option<Running>> = const { RefCell::new(None) };
}

/// Calls `work` with what the calling thread's program is.
pub fn with<T>(work: impl FnOnce(&Running) -> T) -> T {
    RUNNING.with_borrow(|running| work(running.as_ref().expect("called by a program")))
}

impl Running {
    fn guest(&self) -> (&'static Engine<FakePlatform>, &'static FakeFiles) {
        self.native.guest.lock().unwrap().expect("a guest")
    }

    /// The request that the program is.
    pub fn job(&self) -> Job<'static> {
        self.guest().0.job(self.worker)
    }

    /// The guest's files.
    pub fn files(&self) -> &'static FakeFiles {
        self.guest().1
    }
}

impl Native {
    pub fn new() -> &'static Self {
        Box::leak(Box::new(Self {
            guest: Mutex::new(None),
            policy: Mutex::new(Policy::Full),
            regions: Box::leak(Box::default()),
        }))
    }

    pub fn set_guest(&self, engine: &'static Engine<FakePlatform>, files: &'static FakeFiles) {
        *self.guest.lock().unwrap() = Some((engine, files));
    }
}

impl Isolation for Native {
    fn name(&self) -> &'static str {
        "none"
    }

    fn available(&self) -> bool {
        true
    }

    fn policy(&self) -> Policy {
        Policy::Full
    }

    fn forbidden(&self, _: &[u8]) -> Option<Forbidden> {
        None
    }

    fn allocate(&self, bytes: usize) -> Option<Box<dyn Region>> {
        // SAFETY: a new anonymous mapping touches nothing that is there.
        let at = unsafe {
            mmap(
                std::ptr::null_mut(),
                bytes,
                READ | WRITE,
                PRIVATE | LOW,
                -1,
                0,
            )
        };
        if at as isize == -1 {
            return None;
        }
        self.regions.fetch_add(1, SeqCst);
        Some(Box::new(Mapped {
            at: at as usize,
            len: bytes,
            data: 0,
            regions: self.regions,
        }))
    }

    fn interface(&self, name: &[u8]) -> Option<u64> {
        interface::address(name)
    }

    fn run(&self, worker: usize, program: Entry<'_>, argv: &[u8], _: &Limits) -> End {
        type Main = extern "C" fn(c_int, *const *const c_char) -> c_int;
        type Function = extern "C" fn();
        // SAFETY: isolations of these tests are leaked.
        let native: &'static Self = unsafe { &*std::ptr::from_ref(self) };
        let (end, ended) = channel();
        let (main, init, fini, argv) = (
            program.main,
            program.init.to_vec(),
            program.fini.to_vec(),
            argv.to_vec(),
        );
        std::thread::spawn(move || {
            RUNNING.set(Some(Running {
                native,
                worker,
                end: end.clone(),
                held: Held::default(),
            }));
            // SAFETY: the linker checked that these are addresses of the program's code, whose memory lives until
            // the end was sent.
            let call = |function: &u64| unsafe { std::mem::transmute::<usize, Function>(*function as usize) }();
            init.iter().for_each(call);
            let mut pointers: Vec<*const c_char> = argv
                .split_inclusive(|&byte| byte == 0)
                .map(|arg| arg.as_ptr().cast())
                .collect();
            let argc = pointers.len() as c_int;
            pointers.push(std::ptr::null());
            // SAFETY: as above.
            let status = unsafe { std::mem::transmute::<usize, Main>(main as usize) }(
                argc,
                pointers.as_ptr(),
            );
            fini.iter().for_each(call);
            let _ = end.send(End::Exited(status));
        });
        ended.recv().expect("a program ends by saying so")
    }

    fn interrupt(&self, _worker: usize) {
        // The programs of these tests ask.
    }
}
