//! The host side of uIO: the `uio` command and what it is made of.
//!
//! [`client`] runs commands in a guest, [`broker`] owns a VM and gives its clients their sessions,
//! [`render`] turns typed answers into text or JSON, [`cmd`] holds one command of `uio` a file.

#![deny(unsafe_code)]

pub mod broker;
pub mod cli;
pub mod client;
pub mod cmd;
pub mod dirs;
pub mod entry;
pub mod error;
pub mod render;
pub mod shell;
pub mod signals;
pub mod trace;
pub mod vmm;

#[cfg(test)]
mod testing;
