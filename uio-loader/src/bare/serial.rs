//! The first serial port, written to only when there is something to say.
#![allow(unsafe_code)]

use uio_loader::text::Text;

use super::port;

/// The first port of COM1, which the kernel uses as well.
pub const COM1: u16 = 0x3f8;

const LINE_CONTROL: u16 = COM1 + 3;
const LINE_STATUS: u16 = COM1 + 5;
/// Line status: the transmitter holds nothing.
const TRANSMITTER_EMPTY: u8 = 1 << 5;
/// Line control: eight bits, no parity, one stop bit, no divisor latch.
const EIGHT_BITS: u8 = 3;
/// How often a byte is waited for: a port that is not there must not hang us.
const PATIENCE: u32 = 100_000;

/// COM1.
pub struct Serial(());

impl Serial {
    /// Sets the port to eight bits.
    pub fn new() -> Self {
        // SAFETY: COM1 accesses no memory.
        unsafe { port::write_u8(LINE_CONTROL, EIGHT_BITS) };
        Self(())
    }
}

impl Text for Serial {
    fn text(&mut self, text: &str) {
        for byte in text.bytes() {
            for _ in 0..PATIENCE {
                // SAFETY: COM1 accesses no memory.
                if unsafe { port::read_u8(LINE_STATUS) } & TRANSMITTER_EMPTY != 0 {
                    break;
                }
            }
            // SAFETY: as above.
            unsafe { port::write_u8(COM1, byte) };
        }
    }
}
