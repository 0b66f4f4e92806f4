//! The host side of uIO: owns the virtual machine monitor as its child, records the serial log,
//! and gives any number of clients their own sessions over the VM's one console.
//!
//! [`mux`] decides everything about sessions and does no I/O; [`server`] moves its bytes and
//! watches the child; [`serial`] keeps the log.
//!
//! Invariant: no byte of a client reaches the guest. Every message is decoded, checked against the
//! session's state and encoded anew.

pub mod fresh;
pub mod guest;
pub mod mux;
pub mod queue;
pub mod serial;
pub mod server;
mod stream;
