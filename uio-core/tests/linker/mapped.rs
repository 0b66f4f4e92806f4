//! Regions whose code can be run: the one place in these tests that needs `unsafe`.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_long, c_void};
use std::ops::Range;

use uio_core::isolation::Region;
use uio_core::program::link::Linked;

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

/// A mapping, unmapped when dropped.
pub struct Mapped {
    at: *mut u8,
    len: usize,
    /// Where the part begins that can be written.
    writable: usize,
}

// SAFETY: the mapping is owned, and nothing else points into it.
unsafe impl Send for Mapped {}
// SAFETY: shared references give the address alone.
unsafe impl Sync for Mapped {}

impl Mapped {
    fn new(len: usize, flags: c_int) -> Self {
        // SAFETY: a new anonymous mapping touches nothing that is there.
        let at = unsafe {
            mmap(
                std::ptr::null_mut(),
                len,
                READ | WRITE,
                PRIVATE | flags,
                -1,
                0,
            )
        };
        assert_ne!(at as isize, -1, "mmap of {len} bytes");
        Self {
            at: at.cast(),
            len,
            writable: 0,
        }
    }

    fn protect(&self, range: Range<usize>, protection: c_int) {
        if !range.is_empty() {
            // SAFETY: the range lies in this mapping, which is whole pages, and no slice of it lives.
            let result =
                unsafe { mprotect(self.at.add(range.start).cast(), range.len(), protection) };
            assert_eq!(result, 0);
        }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: the mapping is owned.
        unsafe { munmap(self.at.cast(), self.len) };
    }
}

impl Region for Mapped {
    fn base(&self) -> u64 {
        self.at as u64
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: that part of the mapping can be read and written, and `self` is borrowed for as
        // long as the slice lives.
        unsafe {
            std::slice::from_raw_parts_mut(self.at.add(self.writable), self.len - self.writable)
        }
    }

    fn seal(&mut self, text: Range<usize>, constants: Range<usize>) {
        self.writable = constants.end;
        self.protect(text, READ | EXECUTE);
        self.protect(constants, READ);
    }
}

/// A region in the low 2 GiB.
pub fn low(len: usize) -> Option<Box<dyn Region>> {
    Some(Box::new(Mapped::new(len, LOW)))
}

/// A region far above them.
pub fn high(len: usize) -> Option<Box<dyn Region>> {
    Some(Box::new(Mapped::new(len, 0)))
}

/// Runs a program that was linked into a mapping: constructors, `main`, destructors.
///
/// The programs of these tests are C without undefined behaviour, which call nothing but what the
/// tests give them.
pub fn run(program: &Linked, argv: &[&str]) -> i32 {
    type Main = extern "C" fn(c_int, *const *const u8) -> c_int;
    type Function = extern "C" fn();
    let strings: Vec<Vec<u8>> = argv
        .iter()
        .map(|arg| [arg.as_bytes(), b"\0"].concat())
        .collect();
    let mut pointers: Vec<*const u8> = strings.iter().map(|string| string.as_ptr()).collect();
    pointers.push(std::ptr::null());
    let call = |function: &u64| {
        // SAFETY: the linker checked that constructors and destructors lie in the program's text.
        let function: Function = unsafe { std::mem::transmute(*function as usize) };
        function();
    };
    program.init.iter().for_each(call);
    // SAFETY: this is the address of the program's `main`, in executable memory.
    let main: Main = unsafe { std::mem::transmute(program.main as usize) };
    let status = main(argv.len() as c_int, pointers.as_ptr());
    program.fini.iter().for_each(call);
    status
}

/// A word in the low 2 GiB, for a variable of the image.
pub struct Variable(Mapped);

impl Variable {
    pub fn new(value: i32) -> Self {
        let mut page = Mapped::new(4096, LOW);
        page.bytes_mut()[..4].copy_from_slice(&value.to_ne_bytes());
        Self(page)
    }

    pub fn address(&self) -> u64 {
        self.0.base()
    }

    pub fn get(&mut self) -> i32 {
        i32::from_ne_bytes(self.0.bytes_mut()[..4].try_into().unwrap())
    }
}
