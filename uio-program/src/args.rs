//! A program's arguments.

use core::ffi::CStr;

use crate::sys;

/// The arguments of a program, without its own path. Each is a string of bytes: `to_str` and `to_bytes` give views of
/// it, `as_ptr` what a function of the image that takes a C string wants.
#[derive(Clone, Debug)]
pub struct Args {
    all: sys::Arguments,
    next: usize,
}

impl Args {
    pub(crate) fn new(all: sys::Arguments) -> Self {
        Self { all, next: 1 }
    }

    /// The path under which the program was run.
    #[must_use]
    pub fn program(&self) -> &'static CStr {
        self.all.get(0).unwrap_or_default()
    }
}

impl Iterator for Args {
    type Item = &'static CStr;

    fn next(&mut self) -> Option<Self::Item> {
        let argument = self.all.get(self.next)?;
        self.next += 1;
        Some(argument)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.all.len().saturating_sub(self.next);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Args {}
