//! uIO: the glue between Hermit and the overlay.
//!
//! What the overlay is, how it talks and what it can do lives in the crates `uio-core`,
//! `uio-console` and `uio-9p`, which know no kernel. This module implements their seams with
//! what Hermit has. Rules of the house:
//!
//! - Every task of the overlay runs on core 0, so that its wake-ups never cross cores.
//! - Locks shared between those tasks disable interrupts and are held for a few instructions.
//! - Nothing here is on a path of the application, and nothing here polls.

// Without a transport nobody listens, and most of this waits for one.
#![cfg_attr(not(feature = "uio-virtio"), allow(dead_code, unused_imports))]

#[cfg(feature = "uio-bpf")]
mod bpf;
pub(crate) mod event;
mod files;
mod image;
pub(crate) mod log;
mod overlay;
mod platform;
mod program;
pub(crate) mod quiet;
mod signal;
mod syscalls;
pub(crate) mod tasks;
pub(crate) mod timer;
#[cfg(feature = "uio-virtio")]
pub(crate) mod virtio;

/// Brings up what must be there before anyone can talk to the overlay. The rest waits for its
/// first use.
pub(crate) fn init() {
	files::init();
	overlay::init();
}
