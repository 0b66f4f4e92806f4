//! What of the web server this program uses.
#![allow(unsafe_code)]

use core::ffi::{CStr, c_char};
use core::sync::atomic::AtomicU64;

// SAFETY: the server exports these names, with these types.
unsafe extern "C" {
    /// Requests answered since the start.
    pub safe static web_requests: AtomicU64;
    /// Bytes of content sent since the start.
    pub safe static web_bytes: AtomicU64;
    fn web_requests_of(path: *const c_char) -> u64;
}

/// Requests for the document at `path`.
pub fn requests_of(path: &CStr) -> u64 {
    // SAFETY: the path ends in a zero; the function reads it and counters, so it needs no gate.
    unsafe { web_requests_of(path.as_ptr()) }
}
