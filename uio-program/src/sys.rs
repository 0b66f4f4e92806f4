//! The interface that every guest provides (`include/uio.h`), and all that is unsafe about it.
#![allow(unsafe_code)]

use core::alloc::{GlobalAlloc, Layout};
use core::ffi::{CStr, c_char, c_int, c_long, c_ulong, c_void};
use core::ptr;

use crate::gate::{Function, MOST_ARGUMENTS, Returned, Variable, first_of};
use crate::{Args, Error, Outcome, Result};

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
    fn uio_gate_call(a: u64, b: u64, c: u64, d: u64, e: u64, function: *const ()) -> Called;
    fn uio_gate_write(to: *mut c_void, from: *const c_void, len: c_ulong) -> c_long;
    fn uio_gate_read(to: *mut c_void, from: *const c_void, len: c_ulong) -> c_long;
    safe fn uio_signal(number: c_int) -> c_int;
}

pub fn fd_write(fd: i32, bytes: &[u8]) -> isize {
    // SAFETY: the bytes are there, and only read.
    unsafe { uio_fd_write(fd, bytes.as_ptr(), bytes.len() as c_ulong) as isize }
}

pub fn fd_read(fd: i32, buffer: &mut [u8]) -> isize {
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
unsafe fn gate_call(function: *const (), words: [u64; MOST_ARGUMENTS]) -> Result<u64> {
    let [a, b, c, d, e] = words;
    // SAFETY: the caller's promise.
    let called = unsafe { uio_gate_call(a, b, c, d, e, function) };
    Error::check(called.error as isize).map(|_| called.value)
}

/// Writes a variable of the image.
///
/// # Safety
/// `from` has `len` bytes; `to` is a variable of the image that can be written so.
unsafe fn gate_write(to: *mut c_void, from: *const c_void, len: usize) -> Result<()> {
    // SAFETY: the caller's promise.
    let status = unsafe { uio_gate_write(to, from, len as c_ulong) };
    Error::check(status as isize).map(|_| ())
}

/// Calls a function of the image. [`uio_call!`](crate::uio_call!) does this and infers the types.
///
/// # Safety
/// The function is what its type says, and its own conditions are met.
///
/// # Errors
/// [`Error::NotPermitted`] when the policy in force does not allow it, [`Error::BadAddress`] when there is no such code.
pub unsafe fn call<A, F: Function<A>>(function: F, arguments: A) -> Result<F::Output> {
    let words = F::words(arguments);
    // SAFETY: the caller's promise.
    unsafe { gate_call(function.address(), words) }.map(F::Output::from_word)
}

/// Calls code of the image at an address, with words for arguments.
///
/// # Safety
/// There is a function there that takes so many arguments of that kind in the manner of C and returns an `R`, and its
/// own conditions are met.
///
/// # Errors
/// See [`call`].
pub unsafe fn call_at<R: Returned, const N: usize>(
    address: *const (),
    words: [u64; N],
) -> Result<R> {
    const {
        assert!(N <= MOST_ARGUMENTS, "gates pass five arguments");
    }
    // SAFETY: the caller's promise.
    unsafe { gate_call(address, first_of(&words)) }.map(R::from_word)
}

/// Stores a value in an atomic variable of the image. What [`uio_write!`](crate::uio_write!) does.
///
/// # Errors
/// [`Error::NotPermitted`] when the policy in force does not allow it, [`Error::BadAddress`] when there is no variable.
pub fn store<T: Variable>(variable: &T, value: T::Value) -> Result<()> {
    const {
        assert!(
            size_of::<T>() == size_of::<T::Value>(),
            "an atomic is as large as what it holds"
        );
    }
    let to = ptr::from_ref(variable).cast::<T::Value>().cast_mut();
    // SAFETY: an atomic of this type may be written by others at any moment, with any value of this type.
    unsafe { write(to, value) }
}

/// Writes a variable of the image.
///
/// # Safety
/// `to` is a variable of the image, where the application can do with that value, and with its being written now.
///
/// # Errors
/// See [`store`].
pub unsafe fn write<T: Copy>(to: *mut T, value: T) -> Result<()> {
    // SAFETY: the caller's promise; the value is there.
    unsafe { gate_write(to.cast(), (&raw const value).cast(), size_of::<T>()) }
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
        let count = usize::try_from(argc).unwrap_or(0);
        if argv.is_null() {
            return Self(&[]);
        }
        // SAFETY: the caller's promise.
        Self(unsafe { core::slice::from_raw_parts(argv, count) })
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

/// What [`entry!`](crate::entry!) makes of the guest's call of `main`.
///
/// # Safety
/// `argv` points to `argc` pointers to strings that end in a zero byte, all of which live as long as the program.
#[doc(hidden)]
pub unsafe fn start<T: Outcome>(
    argc: c_int,
    argv: *const *const c_char,
    main: impl FnOnce(Args) -> T,
) -> c_int {
    // SAFETY: the caller's promise.
    let args = unsafe { Arguments::new(argc, argv) };
    main(Args::new(args)).status()
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
