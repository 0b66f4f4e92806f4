//! What loaded programs see of the server: `extern` names for C, listed in the README.
//!
//! Only atomics are touched here. A loaded program runs at any moment and can be ended at any
//! instruction, and must leave the server as it was.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::stats;

uio_app::export! {
    /// Requests answered since the start, whatever the answer.
    ///
    /// C: `extern unsigned long web_requests;`
    pub static web_requests: AtomicU64 = AtomicU64::new(0);

    /// Bytes of content sent since the start.
    ///
    /// C: `extern unsigned long web_bytes;`
    pub static web_bytes: AtomicU64 = AtomicU64::new(0);

    /// Requests that a program at the probe `request` refused, since the start.
    ///
    /// C: `extern unsigned long web_refused;`
    pub static web_refused: AtomicU64 = AtomicU64::new(0);

    /// Requests that a program at the probe `request` delayed, since the start.
    ///
    /// C: `extern unsigned long web_delayed;`
    pub static web_delayed: AtomicU64 = AtomicU64::new(0);

    /// Requests for the document at `path` since the start; 0 when there never was one.
    ///
    /// C: `unsigned long web_requests_of(const char *path);`
    ///
    /// # Safety
    ///
    /// `path` is null, or points to a string that ends in a NUL.
    pub unsafe extern "C" fn web_requests_of(path: *const c_char) -> u64 {
        if path.is_null() {
            return 0;
        }
        // SAFETY: the caller's promise.
        let path = unsafe { CStr::from_ptr(path) };
        stats::requests_of(path.to_bytes())
    }

    /// Counts requests for the document at `path` anew, or with null all of them, bytes too; gives
    /// how many requests had been counted.
    ///
    /// C: `unsigned long web_forget(const char *path);`, through `uio_call`
    ///
    /// # Safety
    ///
    /// `path` is null, or points to a string that ends in a NUL.
    pub unsafe extern "C" fn web_forget(path: *const c_char) -> u64 {
        if path.is_null() {
            stats::forget_routes();
            web_bytes.store(0, Ordering::Relaxed);
            return web_requests.swap(0, Ordering::Relaxed);
        }
        // SAFETY: the caller's promise.
        let path = unsafe { CStr::from_ptr(path) };
        stats::forget(path.to_bytes())
    }

    /// Writes a line about the server to `buffer`, of `len` bytes, cut to fit and ended by a NUL;
    /// gives the length of the whole line, like `snprintf`.
    ///
    /// C: `unsigned long web_status_line(char *buffer, unsigned long len);`
    ///
    /// # Safety
    ///
    /// `buffer` is null, or points to `len` bytes that nobody else uses during the call.
    pub unsafe extern "C" fn web_status_line(buffer: *mut c_char, len: usize) -> usize {
        let mut line = Line::default();
        line.text("up ");
        line.number(crate::clock::millis_since(stats::start()) / 1_000);
        line.text(" s, ");
        line.number(web_requests.load(Ordering::Relaxed));
        line.text(" requests, ");
        line.number(web_bytes.load(Ordering::Relaxed));
        line.text(" bytes");
        if !buffer.is_null() && len > 0 {
            let count = line.len.min(len - 1);
            // SAFETY: the caller's promise covers `count + 1 <= len` bytes at `buffer`, and `line`
            // holds `count` of them.
            unsafe {
                buffer.cast::<u8>().copy_from_nonoverlapping(line.bytes.as_ptr(), count);
                buffer.add(count).write(0);
            }
        }
        line.len
    }
}

/// A line of text without an allocation.
struct Line {
    bytes: [u8; 128],
    len: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            bytes: [0; 128],
            len: 0,
        }
    }
}

impl Line {
    fn text(&mut self, text: &str) {
        for byte in text.bytes() {
            if let Some(place) = self.bytes.get_mut(self.len) {
                *place = byte;
                self.len += 1;
            }
        }
    }

    fn number(&mut self, number: u64) {
        if number >= 10 {
            self.number(number / 10);
        }
        let digit = [b'0' + (number % 10) as u8];
        self.text(core::str::from_utf8(&digit).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::{CStr, c_char};

    use super::{web_forget, web_requests_of, web_status_line};

    #[test]
    fn a_line_is_cut_to_fit() {
        // SAFETY: a null buffer is allowed.
        let len = unsafe { web_status_line(std::ptr::null_mut(), 0) };
        assert!(len > 20);
        let mut buffer = [1 as c_char; 16];
        // SAFETY: the buffer is ours and of that length.
        let same = unsafe { web_status_line(buffer.as_mut_ptr(), buffer.len()) };
        assert!(same >= len);
        // SAFETY: the function ended it with a NUL.
        let text = unsafe { CStr::from_ptr(buffer.as_ptr()) };
        assert_eq!(text.count_bytes(), 15);
        assert!(text.to_bytes().starts_with(b"up "));
    }

    #[test]
    fn paths_without_a_counter_have_no_requests() {
        // SAFETY: null and a literal are allowed.
        unsafe {
            assert_eq!(web_requests_of(std::ptr::null()), 0);
            assert_eq!(web_requests_of(c"/never".as_ptr()), 0);
            assert_eq!(web_forget(c"/never".as_ptr()), 0);
        }
    }
}
