//! Virtual machine monitors: how one is asked to run an image.

pub mod accel;
pub mod cmdline;
pub mod qemu;
pub mod spawn;
pub mod symbols;

pub use accel::Accel;
pub use qemu::Machine;
