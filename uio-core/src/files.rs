//! Files as commands and the loader see them: the kernel's VFS, in which the share is mounted.

use alloc::boxed::Box;

use uio_console::record::{Entry, Stat};

/// Why an operation on a file failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// With this Linux error number.
    Os(i32),
    /// The path lies under the mount point, and no share is attached.
    NoShare,
}

/// How to open a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// For reading.
    pub read: bool,
    /// For writing.
    pub write: bool,
    /// Make it if it does not exist, with these permission bits.
    pub create: Option<u32>,
    /// With `create`: fail if it exists.
    pub exclusive: bool,
    /// Cut it to nothing.
    pub truncate: bool,
}

/// What is done with an entry of a directory; false ends the listing.
pub type Visit<'v> = dyn FnMut(&Entry<'_>) -> bool + 'v;

/// A tree of files. Paths are absolute, bytes without a zero among them.
pub trait Files: Sync {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error`]
    fn open(&self, path: &[u8], how: Open) -> Result<Box<dyn File>, Error>;

    /// What is known of the file at `path`; follows symbolic links.
    ///
    /// # Errors
    /// [`Error`]
    fn stat(&self, path: &[u8]) -> Result<Stat, Error>;

    /// Calls `each` with every entry of a directory but `.` and `..`; stops when it returns false.
    /// `each` may block for long, and may use files itself: it is called with no lock held.
    /// Entries have a [`Stat`] only with `stats`, which may cost a request a file.
    ///
    /// # Errors
    /// [`Error`]; `Error::Os(ENOTDIR)` when the path leads to a file, or past one.
    fn list(&self, path: &[u8], stats: bool, each: &mut Visit<'_>) -> Result<(), Error>;

    /// Makes a directory.
    ///
    /// # Errors
    /// [`Error`]
    fn mkdir(&self, path: &[u8], mode: u32) -> Result<(), Error>;

    /// Removes an empty directory.
    ///
    /// # Errors
    /// [`Error`]
    fn rmdir(&self, path: &[u8]) -> Result<(), Error>;

    /// Removes a file.
    ///
    /// # Errors
    /// [`Error`]
    fn unlink(&self, path: &[u8]) -> Result<(), Error>;

    /// Renames a file or directory; `Error::Os(EXDEV)` between file systems.
    ///
    /// # Errors
    /// [`Error`]
    fn rename(&self, from: &[u8], to: &[u8]) -> Result<(), Error>;

    /// Where the share is mounted, and whether one is attached there.
    fn share(&self) -> (&str, bool);
}

/// An open file; closed when dropped.
pub trait File: Send {
    /// Reads at `offset`; returns how many bytes came, 0 at the end of the file.
    ///
    /// # Errors
    /// [`Error`]
    fn read_at(&mut self, offset: u64, out: &mut [u8]) -> Result<usize, Error>;

    /// Writes at `offset`; returns how many bytes went.
    ///
    /// # Errors
    /// [`Error`]
    fn write_at(&mut self, offset: u64, data: &[u8]) -> Result<usize, Error>;

    /// What is known of the file.
    ///
    /// # Errors
    /// [`Error`]
    fn stat(&mut self) -> Result<Stat, Error>;

    /// Waits until what was written is on the server's disk.
    ///
    /// # Errors
    /// [`Error`]
    fn sync(&mut self) -> Result<(), Error>;
}
