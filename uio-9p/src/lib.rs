//! uio-9p
