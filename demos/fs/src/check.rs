//! Checks that name what was expected.

use std::fmt;
use std::io;

/// What came of an exercise.
pub type Outcome = Result<(), Reason>;

/// Why an exercise failed.
#[derive(Debug)]
pub struct Reason(String);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<io::Error> for Reason {
    fn from(error: io::Error) -> Self {
        Self(format!("{error} (errno {:?})", error.raw_os_error()))
    }
}

/// Two values must be the same.
pub fn same<T: PartialEq + fmt::Debug>(what: &str, found: T, expected: T) -> Outcome {
    if found == expected {
        return Ok(());
    }
    Err(Reason(format!("{what} is {found:?}, not {expected:?}")))
}

/// Bytes must be the same; tells only where they differ.
pub fn same_bytes(what: &str, found: &[u8], expected: &[u8]) -> Outcome {
    same(&format!("length of {what}"), found.len(), expected.len())?;
    match found.iter().zip(expected).position(|(a, b)| a != b) {
        None => Ok(()),
        Some(at) => Err(Reason(format!("{what} differs at byte {at}"))),
    }
}

/// A condition must hold.
pub fn holds(what: &str, condition: bool) -> Outcome {
    if condition {
        return Ok(());
    }
    Err(Reason(format!("not so: {what}")))
}

/// A call must fail with a Linux error number.
pub fn fails<T>(what: &str, result: io::Result<T>, errno: i32) -> Outcome {
    match result {
        Ok(_) => Err(Reason(format!("{what} succeeded"))),
        Err(error) => same(
            &format!("error number of {what}"),
            error.raw_os_error(),
            Some(errno),
        ),
    }
}

/// Linux error numbers.
pub mod errno {
    /// No such file or directory.
    pub const ENOENT: i32 = 2;
    /// Bad file descriptor.
    pub const EBADF: i32 = 9;
    /// File exists.
    pub const EEXIST: i32 = 17;
    /// Not a directory.
    pub const ENOTDIR: i32 = 20;
    /// Is a directory.
    pub const EISDIR: i32 = 21;
    /// File name too long.
    pub const ENAMETOOLONG: i32 = 36;
    /// Directory not empty.
    pub const ENOTEMPTY: i32 = 39;
}
