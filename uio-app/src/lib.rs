//! What an application may call when the uIO overlay is in its image.
//!
//! The overlay serves an operator; this crate serves the application that wants to take part:
//!
//! | wish | call |
//! |---|---|
//! | hear a signal that the operator sends (`kill HUP`) | [`on_signal`] |
//! | let loaded programs call a function or read a variable | [`export!`] |
//! | let eBPF programs see what it does, and decide for it | [`probe!`] |
//! | rename, cut or sync a file, which `std` cannot do on Hermit | [`fs`] |
//! | show up under a name in `ps` | [`thread_name`] |
//!
//! # Cost
//!
//! Without the feature `uio` nothing of this remains: every function is an inlined
//! `Err(Error::Off)`, and [`export!`] leaves the plain item behind. An application therefore calls
//! unconditionally, and forwards a feature of its own:
//!
//! ```toml
//! [features]
//! uio = ["hermit/uio", "uio-app/uio"]
//! ```
//!
//! With `uio` on but on another system than Hermit (the application's own tests, say) signals can
//! be registered, but only the tests raise them, and everything else says [`Error::Off`].
#![no_std]
#![deny(unsafe_code)]

mod error;
mod export;
pub mod fs;
mod probe;
mod signal;
mod sys;
mod task;
#[cfg(feature = "test-utils")]
pub mod test;

pub use error::Error;
pub use export::{ENTRY_LEN, Entry, Kind, SECTION, entries};
pub use probe::{Descriptor, Field, FieldKind, FieldType, PROBES, Probe, text};
pub use signal::{Signal, on_signal};
pub use task::thread_name;
