//! The one error type of this crate.

use core::fmt;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Why a call failed: a Linux error number, by its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The policy in force, or the file's permission bits, do not allow it (`EPERM`, `EACCES`).
    NotPermitted,
    /// No such file (`ENOENT`).
    NotFound,
    /// No handler for that signal (`ESRCH`).
    NoHandler,
    /// The request was interrupted (`EINTR`).
    Interrupted,
    /// Input or output failed (`EIO`).
    Io,
    /// The file is not open, or not in that way (`EBADF`).
    BadDescriptor,
    /// No memory left (`ENOMEM`).
    NoMemory,
    /// Nothing at that address, or not of that kind (`EFAULT`).
    BadAddress,
    /// The file exists (`EEXIST`).
    Exists,
    /// No directory where one must be (`ENOTDIR`).
    NotADirectory,
    /// A directory (`EISDIR`).
    IsADirectory,
    /// An argument is wrong (`EINVAL`), such as a path with a zero byte in it.
    Invalid,
    /// Too many open files (`EMFILE`).
    TooManyFiles,
    /// No space left (`ENOSPC`).
    NoSpace,
    /// The file system is read-only (`EROFS`).
    ReadOnly,
    /// The path is too long (`ENAMETOOLONG`).
    NameTooLong,
    /// The path lies on the share, and none is attached (`ENODEV`).
    NoShare,
    /// Another Linux error number.
    Other(i32),
}

/// Each error but [`Error::Other`], with its number and its words. The first of several with one number is its reading.
const NUMBERS: [(i32, Error, &str); 18] = [
    (1, Error::NotPermitted, "not permitted"),
    (13, Error::NotPermitted, "not permitted"),
    (2, Error::NotFound, "no such file"),
    (3, Error::NoHandler, "no handler for that signal"),
    (4, Error::Interrupted, "interrupted"),
    (5, Error::Io, "input or output failed"),
    (9, Error::BadDescriptor, "not open, or not in that way"),
    (12, Error::NoMemory, "no memory left"),
    (
        14,
        Error::BadAddress,
        "nothing of that kind at that address",
    ),
    (17, Error::Exists, "exists"),
    (20, Error::NotADirectory, "not a directory"),
    (21, Error::IsADirectory, "is a directory"),
    (22, Error::Invalid, "invalid argument"),
    (24, Error::TooManyFiles, "too many open files"),
    (28, Error::NoSpace, "no space left"),
    (30, Error::ReadOnly, "read-only file system"),
    (36, Error::NameTooLong, "path too long"),
    (19, Error::NoShare, "no share is attached"),
];

impl Error {
    /// The error that a Linux error number, above 0, stands for.
    #[must_use]
    pub fn from_number(number: i32) -> Self {
        let known = NUMBERS.iter().find(|known| known.0 == number);
        known.map_or(Self::Other(number), |known| known.1)
    }

    /// Its Linux error number.
    #[must_use]
    pub fn number(self) -> i32 {
        match self {
            Self::Other(number) => number,
            _ => self.known().map_or(0, |known| known.0),
        }
    }

    fn known(self) -> Option<&'static (i32, Self, &'static str)> {
        NUMBERS.iter().find(|known| known.1 == self)
    }

    /// What the interface returned: a value, or a negative error number.
    pub(crate) fn check(value: isize) -> Result<usize> {
        usize::try_from(value).map_err(|_| {
            let number = i32::try_from(value.unsigned_abs());
            Self::from_number(number.unwrap_or(i32::MAX))
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(number) => write!(out, "error {number}"),
            _ => out.write_str(self.known().map_or("", |known| known.2)),
        }
    }
}

impl core::error::Error for Error {}
