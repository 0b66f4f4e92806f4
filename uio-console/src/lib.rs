//! The console of uIO: one definition of the protocol for guest and host.
//!
//! A frame is a [postcard] encoding of [`ToGuest`] or [`FromGuest`], stuffed with COBS so that no
//! byte of it is zero, and ended by a zero byte ([`frame`]). `docs/protocol.md` specifies it byte
//! by byte.
//!
//! The `driver` feature adds the virtio-console driver that carries these frames in the guest.
//!
//! [postcard]: https://postcard.jamesmunns.com/

#![no_std]
#![deny(unsafe_code)]

#[cfg(feature = "driver")]
extern crate alloc;

pub mod argv;
#[cfg(feature = "driver")]
pub mod driver;
pub mod error;
pub mod frame;
pub mod message;
pub mod record;
pub mod wire;
mod zero;

pub use error::Error;
pub use message::{Fresh, FromGuest, Hello, Policy, RequestId, Terms, ToGuest};

/// Version of the protocol that this crate speaks. Both sides send theirs in their hello; a side
/// that reads another number closes the session with [`message::CloseReason::Version`].
pub const PROTOCOL_VERSION: u16 = 2;

/// The longest frame on the wire, in bytes, its closing zero included.
pub const MAX_FRAME: usize = 4096;

/// The longest payload (postcard encoding) of a frame, in bytes: what COBS leaves of
/// [`MAX_FRAME`], one byte of overhead for each started 254 bytes and the closing zero.
pub const MAX_PAYLOAD: usize = MAX_FRAME - MAX_FRAME.div_ceil(254) - 1;

/// What a frame costs beyond its payload, in bytes of credit. Whoever carries frames spends memory
/// on each, however short it is: with this, bytes of credit bound that memory too.
pub const FRAME_COST: usize = 512;

/// What a frame with a payload of `len` bytes costs, in bytes of credit.
#[must_use]
pub const fn cost(len: usize) -> u32 {
    (len + FRAME_COST) as u32
}

/// The most data bytes that [`FromGuest::Stdout`], [`FromGuest::Stderr`] and [`ToGuest::Stdin`]
/// carry at once: a payload less the variant, the identifier and the length.
pub const MAX_DATA: usize = MAX_PAYLOAD - 16;
