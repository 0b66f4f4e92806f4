//! The overlay context: sessions, commands and loadable programs.
//!
//! This crate knows neither a kernel nor a device. What it needs of them are the traits that the
//! glue implements: [`Channel`] (frames out), [`Files`] (the VFS and the share), [`Platform`]
//! (tasks, clock, memory, waiting) and [`Isolation`] (where and how programs run).

#![no_std]
// The one exception is how `engine` takes its lock through a trait object.
#![deny(unsafe_code)]

extern crate alloc;
#[cfg(any(test, feature = "test-utils"))]
extern crate std;

#[cfg(feature = "bpf")]
pub mod bpf;
pub mod channel;
pub mod command;
pub mod commands;
pub mod engine;
#[cfg(any(test, feature = "test-utils"))]
pub mod fake;
pub mod files;
pub mod isolation;
pub mod platform;
pub mod program;

pub use channel::Channel;
pub use engine::{Engine, Receiver};
pub use files::Files;
pub use isolation::Isolation;
pub use platform::Platform;

/// Version of the overlay.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
