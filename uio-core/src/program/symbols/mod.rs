//! The symbol index: names and addresses of everything in the image, on the share.
//!
//! The host writes it from the unstripped image (`uio_build::symbols`); the guest reads it through
//! [`Files`](crate::Files) a block at a time and never holds more than one.

pub mod format;
mod reader;

pub use reader::{BuildId, Error, Index, Symbol};
