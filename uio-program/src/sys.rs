//! The interface that every guest provides (`include/uio.h`), and all that is unsafe about it.
#![allow(unsafe_code)]

use core::alloc::{GlobalAlloc, Layout};
use core::ffi::{CStr, c_char, c_int, c_long, c_ulong, c_void};
use core::ptr;

use crate::{Error, Result};

/// Flags of [`open`].
pub const READ: i32 = 1;
pub const WRITE: i32 = 2;
pub const CREATE: i32 = 4;
pub const EXCLUSIVE: i32 = 8;
pub const TRUNCATE: i32 = 16;

/// What came of a call through the gate.
#[repr(C)]
struct Called {
    value: u64,
    error: c_long,
}

unsafe extern "C" {
    fn uio_fd_write(fd: c_int, bytes: *const u8, len: c_ulong) -> c_long;
    fn uio_fd_read(fd: c_int, bytes: *mut u8, len: c_ulong) -> c_long;
    fn uio_open(path: *const c_char, flags: c_int, mode: c_int) -> c_int;
    safe fn uio_close(fd: c_int) -> c_int;
    fn uio_pread(fd: c_int, bytes: *mut u8, len: c_ulong, offset: c_ulong) -> c_long;
    fn uio_pwrite(fd: c_int, bytes: *const u8, len: c_ulong, offset: c_ulong) -> c_long;
    safe fn uio_size(fd: c_int) -> c_long;
    safe fn uio_sync(fd: c_int) -> c_int;
    fn uio_unlink(path: *const c_char) -> c_int;
    safe fn uio_exit(status: c_int) -> !;
    safe fn uio_interrupted() -> c_int;
    safe fn uio_sleep_ms(ms: c_ulong) -> c_long;
    safe fn uio_yield();
    safe fn uio_clock_us() -> c_ulong;
    safe fn uio_now_us() -> c_ulong;
    safe fn uio_alloc(bytes: c_ulong) -> *mut c_void;
    fn uio_free(memory: *mut c_void);
    fn uio_gate(function: *const (), a: u64, b: u64, c: u64, d: u64, e: u64) -> Called;
    fn uio_gate_write(to: *mut c_void, from: *const c_void, len: c_ulong) -> c_long;
    fn uio_gate_read(to: *mut c_void, from: *const c_void, len: c_ulong) -> c_long;
    safe fn uio_signal(number: c_int) -> c_int;
}

pub fn write(fd: i32, bytes: &[u8]) -> isize {
    // SAFETY: the bytes are there, and only read.
    unsafe { uio_fd_write(fd, bytes.as_ptr(), bytes.len() as c_ulong) as isize }
}

pub fn read(fd: i32, buffer: &mut [u8]) -> isize {
    // SAFETY: the buffer has room for so many bytes.
    unsafe { uio_fd_read(fd, buffer.as_mut_ptr(), buffer.len() as c_ulong) as isize }
}

pub fn open(path: &CStr, flags: i32, mode: i32) -> isize {
    // SAFETY: the path is a string that ends, and only read.
    unsafe { uio_open(path.as_ptr(), flags, mode) as isize }
}

pub fn close(fd: i32) {
    uio_close(fd);
}

pub fn pread(fd: i32, buffer: &mut [u8], offset: u64) -> isize {
    // SAFETY: the buffer has room for so many bytes.
    unsafe { uio_pread(fd, buffer.as_mut_ptr(), buffer.len() as c_ulong, offset) as isize }
}

pub fn pwrite(fd: i32, bytes: &[u8], offset: u64) -> isize {
    // SAFETY: the bytes are there, and only read.
    unsafe { uio_pwrite(fd, bytes.as_ptr(), bytes.len() as c_ulong, offset) as isize }
}

pub fn size(fd: i32) -> isize {
    uio_size(fd) as isize
}

pub fn sync(fd: i32) -> isize {
    uio_sync(fd) as isize
}

pub fn unlink(path: &CStr) -> isize {
    // SAFETY: the path is a string that ends, and only read.
    unsafe { uio_unlink(path.as_ptr()) as isize }
}

pub fn exit(status: i32) -> ! {
    uio_exit(status)
}

pub fn interrupted() -> bool {
    uio_interrupted() != 0
}

pub fn sleep_ms(ms: u64) -> isize {
    uio_sleep_ms(ms) as isize
}

pub fn yield_now() {
    uio_yield();
}

pub fn clock_us() -> u64 {
    uio_clock_us()
}

pub fn now_us() -> u64 {
    uio_now_us()
}

pub fn signal(number: i32) -> isize {
    uio_signal(number) as isize
}

/// Calls a function of the image; what it returned.
///
/// # Safety
/// There is a function there that takes these words, and its own conditions are met.
pub unsafe fn gate_call(function: *const (), words: [u64; 5]) -> Result<u64> {
    let [a, b, c, d, e] = words;
    // SAFETY: the caller's promise.
    let called = unsafe { uio_gate(function, a, b, c, d, e) };
    Error::check(called.error as isize).map(|_| called.value)
}

/// Writes a variable of the image.
///
/// # Safety
/// `from` has `len` bytes; `to` is a variable of the image that can be written so.
pub unsafe fn gate_write(to: *mut c_void, from: *const c_void, len: usize) -> Result<()> {
    // SAFETY: the caller's promise.
    let status = unsafe { uio_gate_write(to, from, len as c_ulong) };
    Error::check(status as isize).map(|_| ())
}

pub fn gate_read(address: u64, buffer: &mut [u8]) -> Result<usize> {
    let from = ptr::without_provenance(address as usize);
    // SAFETY: the buffer has room for so many bytes; the guest reads only what is there.
    let read = unsafe { uio_gate_read(buffer.as_mut_ptr().cast(), from, buffer.len() as c_ulong) };
    Error::check(read as isize)
}

/// The arguments of a program's `main`.
#[derive(Clone, Debug)]
pub struct Arguments(&'static [*const c_char]);

impl Arguments {
    /// # Safety
    /// `argv` points to `argc` pointers to strings that end, all of which live as long as the program.
    pub unsafe fn new(argc: c_int, argv: *const *const c_char) -> Self {
        match usize::try_from(argc) {
            // SAFETY: the caller's promise.
            Ok(count) if !argv.is_null() => {
                Self(unsafe { core::slice::from_raw_parts(argv, count) })
            }
            _ => Self(&[]),
        }
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn get(&self, index: usize) -> Option<&'static CStr> {
        // SAFETY: the promise that `new` got.
        self.0
            .get(index)
            .map(|&text| unsafe { CStr::from_ptr(text) })
    }
}

/// The program's own heap, which [`entry!`](crate::entry!) makes the one of `alloc`.
#[derive(Clone, Copy, Debug)]
pub struct Heap;

/// Alignment of what the guest gives, in bytes.
const GIVEN: usize = 16;

// SAFETY: memory comes from the guest, which gives each byte once. Where it must be aligned further than the guest
// does, a larger piece is taken, and the word before what is handed out tells where that piece begins.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= GIVEN {
            return uio_alloc(layout.size() as c_ulong).cast();
        }
        let Some(bytes) = layout.size().checked_add(layout.align()) else {
            return ptr::null_mut();
        };
        let piece: *mut u8 = uio_alloc(bytes as c_ulong).cast();
        if piece.is_null() {
            return piece;
        }
        // At least 16 and at most `align` bytes into the piece.
        let gap = layout.align() - piece.addr() % layout.align();
        // SAFETY: gap and size fit the piece, and the word before the gap's end lies in it, aligned.
        unsafe {
            let memory = piece.add(gap);
            memory.cast::<*mut u8>().sub(1).write(piece);
            memory
        }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        let piece = if layout.align() <= GIVEN {
            memory
        } else {
            // SAFETY: `alloc` wrote it there.
            unsafe { memory.cast::<*mut u8>().sub(1).read() }
        };
        // SAFETY: this is what the guest gave.
        unsafe { uio_free(piece.cast()) };
    }
}
