//! uio-virtio-fake
