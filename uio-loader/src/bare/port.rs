//! I/O ports.
#![allow(unsafe_code)]

use core::arch::asm;

/// Writes a byte.
///
/// # Safety
/// What the device at `port` does on that must be sound, in particular not
/// change memory that Rust uses.
pub unsafe fn write_u8(port: u16, value: u8) {
    // SAFETY: `out` touches registers only; the device is the caller's promise.
    unsafe { asm!("out dx, al", in("dx") port, in("al") value, options(nomem, nostack)) }
}

/// Reads a byte.
///
/// # Safety
/// As [`write_u8`].
pub unsafe fn read_u8(port: u16) -> u8 {
    let value;
    // SAFETY: as in `write_u8`.
    unsafe { asm!("in al, dx", in("dx") port, out("al") value, options(nomem, nostack)) }
    value
}

/// Writes 16 bits.
///
/// # Safety
/// As [`write_u8`].
pub unsafe fn write_u16(port: u16, value: u16) {
    // SAFETY: as in `write_u8`.
    unsafe { asm!("out dx, ax", in("dx") port, in("ax") value, options(nomem, nostack)) }
}

/// Writes 32 bits. Unlike the others it may make the device access memory, and
/// the compiler orders it after all writes and before all reads of memory.
///
/// # Safety
/// As [`write_u8`].
pub unsafe fn write_u32(port: u16, value: u32) {
    // SAFETY: as in `write_u8`; memory counts as changed (no `nomem`).
    unsafe { asm!("out dx, eax", in("dx") port, in("eax") value, options(nostack)) }
}
