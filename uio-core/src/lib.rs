//! uio-core
