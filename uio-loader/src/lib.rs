//! The boot loader's thinking: everything that can be wrong about what QEMU
//! hands over is found here, in safe code that host tests reach.
//!
//! The binary beside this library (`main.rs`) only moves bytes: it reads ports
//! and physical memory, calls in here, and jumps.
//!
//! | module | question it answers |
//! |---|---|
//! | [`pvh`] | where did the firmware put its tables? |
//! | [`ram`] | which memory is there, and where does the image go? |
//! | [`fw_cfg`] | how is QEMU asked for a piece of the image? |
//! | [`elf`], [`note`] | is this file a Hermit image this loader can start? |
//! | [`load`], [`reloc`] | what does the image look like in memory? |
//! | [`fdt`], [`tree`] | what does the kernel get told? |
//! | [`paging`] | what does the kernel find mapped? |
//!
//! Invariant: nothing in here panics, whatever the bytes from outside are; a
//! refusal is an [`Error`], and its text names the cause.
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

pub mod bytes;
pub mod elf;
pub mod error;
pub mod fdt;
pub mod fw_cfg;
pub mod load;
pub mod note;
pub mod paging;
pub mod pvh;
pub mod ram;
pub mod reloc;
pub mod text;
pub mod tree;

pub use error::Error;

/// Bytes of a base page.
pub const PAGE: u64 = 0x1000;

/// Bytes of a large page, in which the kernel maps itself and all RAM.
pub const LARGE_PAGE: u64 = 0x20_0000;
