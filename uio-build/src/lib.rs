//! Builds the Hermit kernel from its registry source plus this project's patches, and applications on top of it.
//!
//! One library serves three callers: the build script of the drop-in package `hermit`, the command `uio build`,
//! and the developer tasks in `xtask`. Each module is one step of the way from source to image:
//!
//! | module | step |
//! |---|---|
//! | [`toolchain`] | find a compiler that has its own library source |
//! | [`linker`] | find a linker for bare targets |
//! | [`source`] | find the pinned kernel source in cargo's registry |
//! | [`series`], [`patch`], [`tree`] | lay patches and overlay over a copy |
//! | [`kernel`], [`messages`] | compile the kernel |
//! | [`archive`], [`rename`] | hide the kernel's own symbols from the application's linker |
//! | [`app`], [`image`] | compile, identify and strip an application |
//! | [`trace`] | sites at which a running image is traced |
//! | [`symbols`] | write and read the symbol index that goes with an image |
//! | [`cc`], [`sdk`] | compile a program that a guest can load |
#![forbid(unsafe_code)]

pub mod app;
pub mod archive;
pub mod cc;
pub mod command;
mod error;
pub mod image;
pub mod kernel;
pub mod linker;
pub mod messages;
pub mod patch;
pub mod rename;
pub mod sdk;
pub mod series;
pub mod source;
#[cfg(feature = "symbols")]
pub mod symbols;
pub mod toolchain;
pub mod trace;
pub mod tree;

pub use error::{Error, Result};
