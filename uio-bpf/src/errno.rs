//! Errors that programs and the host see, by Linux's numbers.

/// Why an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Errno {
    /// Not allowed: the map is read-only for programs.
    NotPermitted = 1,
    /// There is no such entry, symbol or program.
    NoEntry = 2,
    /// The map is full, or the index is behind its end, or a line is too long.
    TooBig = 7,
    /// There is no memory.
    NoMemory = 12,
    /// The memory cannot be read.
    Fault = 14,
    /// What runs on this core uses the map already.
    Busy = 16,
    /// The entry exists.
    Exists = 17,
    /// An argument is wrong.
    Invalid = 22,
    /// The ring buffer is full.
    NoSpace = 28,
    /// The map has no such operation.
    NotSupported = 95,
}

impl Errno {
    /// As register 0 has it: negative.
    #[must_use]
    pub fn register(self) -> u64 {
        -i64::from(self as i32) as u64
    }
}
