//! The overlay's virtio devices: the console and the share.
//!
//! They are driven by `uio-console` and `uio-9p`, not by the kernel's own virtio drivers, so the
//! PCI scan passes over them.

mod hal;
mod irq;
mod pci;

pub(crate) mod console;
pub(crate) mod share;

pub(crate) use hal::held;
pub(crate) use pci::claims;
