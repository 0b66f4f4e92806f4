//! An isolation that has none: programs run on a thread of this process. The one place in these tests that needs
//! `unsafe`.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_long, c_ulong, c_void};
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};

use uio_core::Engine;
use uio_core::fake::FakePlatform;
use uio_core::isolation::{End, Entry, Forbidden, Isolation, Limits, Policy, Region};

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
    fn memcpy();
    fn memmove();
    fn memset();
    fn memcmp();
    fn bcmp();
    fn strlen();
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
    engine: Mutex<Option<&'static Engine<FakePlatform>>>,
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
struct Running {
    native: &'static Native,
    worker: usize,
    end: Sender<End>,
}

thread_local! {
    static RUNNING: RefCell<Option<Running>> = const { RefCell::new(None) };
}

fn with<T>(work: impl FnOnce(&Running) -> T) -> T {
    RUNNING.with_borrow(|running| work(running.as_ref().expect("called by a program")))
}

impl Running {
    fn engine(&self) -> &'static Engine<FakePlatform> {
        self.native.engine.lock().unwrap().expect("an engine")
    }
}

extern "C" fn uio_write(fd: c_int, bytes: *const u8, len: c_ulong) -> c_long {
    // SAFETY: a program gives memory of its own.
    let bytes = unsafe { std::slice::from_raw_parts(bytes, len as usize) };
    with(|running| running.engine().job(running.worker).write(fd, bytes)) as c_long
}

extern "C" fn uio_read(fd: c_int, bytes: *mut u8, len: c_ulong) -> c_long {
    if fd != 0 {
        return -9;
    }
    // SAFETY: a program gives memory of its own.
    let bytes = unsafe { std::slice::from_raw_parts_mut(bytes, len as usize) };
    with(|running| running.engine().job(running.worker).read(bytes)) as c_long
}

extern "C" fn uio_exit(status: c_int) -> ! {
    with(|running| running.end.send(End::Exited(status))).expect("somebody waits for the end");
    // The thread ends with the process: there is no way to unwind the program.
    loop {
        std::thread::park();
    }
}

extern "C" fn uio_interrupted() -> c_int {
    with(|running| running.engine().job(running.worker).interrupted()).into()
}

extern "C" fn uio_sleep_ms(ms: c_ulong) -> c_long {
    with(|running| running.engine().job(running.worker).sleep_ms(ms)) as c_long
}

impl Native {
    pub fn new() -> &'static Self {
        Box::leak(Box::new(Self {
            engine: Mutex::new(None),
            regions: Box::leak(Box::default()),
        }))
    }

    pub fn set_engine(&self, engine: &'static Engine<FakePlatform>) {
        *self.engine.lock().unwrap() = Some(engine);
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
        let address = match name {
            b"uio_write" => uio_write as *const () as u64,
            b"uio_read" => uio_read as *const () as u64,
            b"uio_exit" => uio_exit as *const () as u64,
            b"uio_interrupted" => uio_interrupted as *const () as u64,
            b"uio_sleep_ms" => uio_sleep_ms as *const () as u64,
            b"memcpy" => memcpy as *const () as u64,
            b"memmove" => memmove as *const () as u64,
            b"memset" => memset as *const () as u64,
            b"memcmp" => memcmp as *const () as u64,
            b"bcmp" => bcmp as *const () as u64,
            b"strlen" => strlen as *const () as u64,
            _ => return None,
        };
        Some(address)
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
