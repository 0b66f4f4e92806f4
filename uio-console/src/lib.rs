//! uio-console
