//! uio-app
