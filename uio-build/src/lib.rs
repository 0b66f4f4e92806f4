//! uio-build
