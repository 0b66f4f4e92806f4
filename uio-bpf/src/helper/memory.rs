//! What helpers make of the numbers that they get: the only place where they become memory.
#![allow(
    unsafe_code,
    reason = "arguments were checked against the prototype, or the program is trusted"
)]

use core::slice;

use crate::errno::Errno;
use crate::map::Map;
use crate::run::Run;

/// What a helper returns: register 0, or an error.
pub type Result = core::result::Result<u64, Errno>;

/// The registers and the run of a call. Made by [`enter`] only, so whoever has one may
/// take the arguments for what the helper's prototype says of them.
pub struct Arguments<'a, 'r> {
    registers: [u64; 5],
    /// The run.
    pub run: &'a mut Run<'r>,
}

impl<'r> Arguments<'_, 'r> {
    /// An argument as a number, from 1.
    #[inline(always)]
    pub fn number<const N: usize>(&self) -> u64 {
        const { assert!(N >= 1 && N <= 5) };
        self.registers[N - 1]
    }

    /// An argument that is the address of a map.
    #[inline(always)]
    pub fn map<const N: usize>(&self) -> &'r Map {
        let map = core::ptr::with_exposed_provenance::<Map>(self.number::<N>() as usize);
        // SAFETY: by the prototype it is one of the maps that the program names, and the program holds those.
        unsafe { &*map }
    }

    /// An argument that is the address of `len` bytes to be read.
    #[inline(always)]
    pub fn read<const N: usize>(&self, len: u64) -> &'r [u8] {
        let address = self.number::<N>();
        if len == 0 || address == 0 {
            return &[];
        }
        let bytes = core::ptr::with_exposed_provenance::<u8>(address as usize);
        // SAFETY: by the prototype the program may read so many bytes there, so they are there. In a map's value another
        // core may change them meanwhile, as in C; nothing relies on their staying the same.
        unsafe { slice::from_raw_parts(bytes, len as usize) }
    }

    /// An argument that is the address of `len` bytes to be written.
    #[inline(always)]
    pub fn write<const N: usize>(&mut self, len: u64) -> &'r mut [u8] {
        let address = self.number::<N>();
        if len == 0 || address == 0 {
            return &mut [];
        }
        let bytes = core::ptr::with_exposed_provenance_mut::<u8>(address as usize);
        // SAFETY: by the prototype the program may write so many bytes there. Helpers write one argument at most, and
        // where another one is read from overlapping memory, then byte by byte (`text`).
        unsafe { slice::from_raw_parts_mut(bytes, len as usize) }
    }

    /// An argument that is the address of a text ended by a zero: its bytes, without the zero.
    pub fn text<const N: usize>(&self) -> &'r [u8] {
        let address = self.number::<N>();
        if address == 0 {
            return &[];
        }
        let bytes = core::ptr::with_exposed_provenance::<u8>(address as usize);
        let mut len = 0;
        // SAFETY: by the prototype the program may read up to a zero. The bound is for trusted programs.
        while len < TEXT_MAX && unsafe { bytes.add(len).read_volatile() } != 0 {
            len += 1;
        }
        self.read::<N>(len as u64)
    }

    /// A word of the context.
    pub fn context(&self, at: usize) -> Option<u64> {
        let end = at as u64 + 8;
        if end > self.run.context.len {
            return None;
        }
        let address = self.run.context.address as usize + at;
        let word = core::ptr::with_exposed_provenance::<u64>(address);
        // SAFETY: it lies in the context.
        Some(unsafe { word.read_unaligned() })
    }

    /// Has the run go on in another program when the helper has returned; the run holds it as long as it
    /// needs it.
    pub fn go_on(&mut self, program: alloc::sync::Arc<crate::program::Program>) {
        let next: *const crate::program::Program = &raw const *program;
        self.run.held.keep(program);
        // SAFETY: `held` has it until the run went on in two others after it.
        self.run.next = Some(unsafe { &*next });
        self.run.leave = 1;
    }

    /// Calls a function of the program. `None` when the run is to end: then the helper returns at once.
    pub fn call<const N: usize>(&mut self, arguments: [u64; 5]) -> Option<u64> {
        // SAFETY: a helper was called by a program that runs, so what its engine needs is there.
        unsafe { crate::jit::call_function(self.run, self.number::<N>(), arguments) }
    }
}

/// Longest text.
const TEXT_MAX: usize = 4096;

/// Calls a helper's code.
///
/// # Safety
/// As [`Call`](super::Call): the registers are what the prototype says, `run` is the run.
#[inline(always)]
pub unsafe fn enter<'r>(
    registers: [u64; 5],
    run: *mut Run<'r>,
    code: impl FnOnce(Arguments<'_, 'r>) -> Result,
) -> u64 {
    // SAFETY: the caller's.
    let run = unsafe { &mut *run };
    match code(Arguments { registers, run }) {
        Ok(value) => value,
        Err(error) => error.register(),
    }
}

/// The address by which programs call what `code` does.
macro_rules! entry {
    ($code:path) => {{
        #[allow(unsafe_code, reason = "called by compiled code")]
        unsafe extern "sysv64" fn call(
            a: u64,
            b: u64,
            c: u64,
            d: u64,
            e: u64,
            run: *mut $crate::run::Run<'_>,
        ) -> u64 {
            // SAFETY: who calls it has checked the arguments against the prototype, or trusts the program.
            unsafe { $crate::helper::memory::enter([a, b, c, d, e], run, $code) }
        }
        call as $crate::helper::Call
    }};
}

pub(super) use entry;
