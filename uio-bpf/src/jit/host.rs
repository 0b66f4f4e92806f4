//! Compiled programs on a host: memory that code runs in, for tests and tools.
#![allow(unsafe_code, reason = "asks the system for memory")]

use core::ffi::c_void;
use core::ptr;

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

use super::{Error, compile};
use crate::helper::Table;
use crate::program::Program;

/// A program, compiled: it has its memory for as long as this is there.
pub struct Compiled {
    // In this order: the program goes first.
    program: Program,
    memory: Executable,
}

impl Compiled {
    /// Compiles a program.
    ///
    /// # Errors
    /// As [`compile`]; [`Error::Memory`] also if the system gives none.
    pub fn new(mut program: Program, table: &Table<'_>) -> Result<Self, Error> {
        let mut plan = compile(&program, table)?;
        let mut memory = Executable::new(plan.len())?;
        let address = memory.address as u64;
        let code = plan.emit(memory.writable(), address)?;
        memory.publish()?;
        program.native = Some(code);
        Ok(Self { program, memory })
    }

    /// The program; its code is there.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The code.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the memory is readable, as long as this, and nobody writes to it any more.
        unsafe { core::slice::from_raw_parts(self.memory.address.cast(), self.memory.used) }
    }
}

/// Memory that is first written and then executed.
struct Executable {
    address: *mut c_void,
    /// Bytes that the code takes.
    used: usize,
    /// Bytes that there are.
    len: usize,
}

// SAFETY: it is memory that belongs to nobody else, and that nobody writes to once it was published.
unsafe impl Send for Executable {}
// SAFETY: as above.
unsafe impl Sync for Executable {}

impl Executable {
    fn new(used: usize) -> Result<Self, Error> {
        let len = used.max(1).next_multiple_of(4096);
        let (writable, private) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: new memory at an address that the system chooses.
        let address = unsafe { mmap_anonymous(ptr::null_mut(), len, writable, private) };
        let address = address.map_err(|_| Error::Memory)?;
        Ok(Self { address, used, len })
    }

    fn writable(&mut self) -> &mut [u8] {
        // SAFETY: the memory is that long and initialised, and was not published yet: `new` and this are called before
        // `publish` only.
        unsafe { core::slice::from_raw_parts_mut(self.address.cast(), self.used) }
    }

    fn publish(&mut self) -> Result<(), Error> {
        let flags = MprotectFlags::READ | MprotectFlags::EXEC;
        // SAFETY: the memory is this one's alone, and no reference to it is left.
        unsafe { mprotect(self.address, self.len, flags) }.map_err(|_| Error::Memory)
    }
}

impl Drop for Executable {
    fn drop(&mut self) {
        // SAFETY: the memory is this one's alone. That it cannot be given back would be a wrong address, which it is not.
        let _ = unsafe { munmap(self.address, self.len) };
    }
}
