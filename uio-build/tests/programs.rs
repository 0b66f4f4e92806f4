//! Programs, from their source to their exit status: compiled by `cc`, linked by the engine against an image with its
//! symbol index, and run in this process.
//!
//! The image is a position-independent executable that the test maps where its fake kernel says the image is. Each
//! test is its own guest, but there is one such place in a process, so they share the image and its variables.
#![cfg(all(target_arch = "x86_64", target_os = "linux", feature = "symbols"))]

#[path = "programs/cache.rs"]
mod cache;
#[path = "programs/demos.rs"]
mod demos;
#[path = "programs/errors.rs"]
mod errors;
#[path = "programs/format.rs"]
mod format;
#[path = "programs/gates.rs"]
mod gates;
#[path = "programs/guest.rs"]
mod guest;
#[path = "programs/interface.rs"]
mod interface;
#[path = "programs/native.rs"]
mod native;
#[path = "programs/runs.rs"]
mod runs;
#[path = "programs/rust.rs"]
mod rust;
#[path = "../../xtask/src/transcript.rs"]
mod transcript;
