//! Files, anywhere in the guest: paths are absolute, and the share is at `/uio`.

use alloc::vec::Vec;

use crate::io::{Read, write_all};
use crate::{Error, Result, sys};

/// How to open a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenOptions {
    flags: i32,
    mode: i32,
}

impl OpenOptions {
    /// For nothing yet: say [`read`](Self::read), [`write`](Self::write) or both.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with(self, flag: i32) -> Self {
        Self {
            flags: self.flags | flag,
            ..self
        }
    }

    /// For reading.
    #[must_use]
    pub fn read(self) -> Self {
        self.with(sys::READ)
    }

    /// For writing.
    #[must_use]
    pub fn write(self) -> Self {
        self.with(sys::WRITE)
    }

    /// Made, with these permission bits, if it does not exist.
    #[must_use]
    pub fn create(self, mode: u16) -> Self {
        Self {
            mode: i32::from(mode),
            ..self.with(sys::CREATE)
        }
    }

    /// Made, with these permission bits; an error if it exists.
    #[must_use]
    pub fn create_new(self, mode: u16) -> Self {
        self.create(mode).with(sys::EXCLUSIVE)
    }

    /// Cut to nothing.
    #[must_use]
    pub fn truncate(self) -> Self {
        self.with(sys::TRUNCATE)
    }

    /// Opens the file at `path`.
    ///
    /// # Errors
    /// What the guest says; [`Error::Invalid`] for a path with a zero byte in it.
    pub fn open(self, path: impl AsRef<[u8]>) -> Result<File> {
        let path = terminated(path.as_ref())?;
        let fd = Error::check(sys::open(&path, self.flags, self.mode))?;
        i32::try_from(fd)
            .map(|fd| File { fd })
            .map_err(|_| Error::Io)
    }
}

/// An open file; closed when dropped.
#[derive(Debug)]
pub struct File {
    fd: i32,
}

impl File {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// See [`OpenOptions::open`].
    pub fn open(path: impl AsRef<[u8]>) -> Result<Self> {
        OpenOptions::new().read().open(path)
    }

    /// Makes a file for writing, or cuts the one that is there to nothing.
    ///
    /// # Errors
    /// See [`OpenOptions::open`].
    pub fn create(path: impl AsRef<[u8]>) -> Result<Self> {
        OpenOptions::new()
            .write()
            .create(0o644)
            .truncate()
            .open(path)
    }

    /// Writes all of it at the file's position.
    ///
    /// # Errors
    /// What the guest says.
    pub fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        write_all(self.fd, bytes)
    }

    /// Reads at `offset`, in bytes, and does not move the position; returns how many bytes came, 0 at the end.
    ///
    /// # Errors
    /// What the guest says.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        Error::check(sys::pread(self.fd, buffer, offset))
    }

    /// Writes at `offset`, in bytes, and does not move the position; returns how many bytes went.
    ///
    /// # Errors
    /// What the guest says.
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize> {
        Error::check(sys::pwrite(self.fd, bytes, offset))
    }

    /// Bytes of the file.
    ///
    /// # Errors
    /// What the guest says.
    pub fn size(&self) -> Result<u64> {
        Error::check(sys::size(self.fd)).map(|size| size as u64)
    }

    /// Waits until what was written is on the server's disk.
    ///
    /// # Errors
    /// What the guest says.
    pub fn sync(&self) -> Result<()> {
        Error::check(sys::sync(self.fd)).map(|_| ())
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        Error::check(sys::fd_read(self.fd, buffer))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        sys::close(self.fd);
    }
}

/// All bytes of a file.
///
/// # Errors
/// What the guest says.
pub fn read(path: impl AsRef<[u8]>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Makes these bytes the file's content.
///
/// # Errors
/// What the guest says.
pub fn write(path: impl AsRef<[u8]>, bytes: impl AsRef<[u8]>) -> Result<()> {
    File::create(path)?.write_all(bytes.as_ref())
}

/// Removes a file.
///
/// # Errors
/// What the guest says; [`Error::Invalid`] for a path with a zero byte in it.
pub fn remove(path: impl AsRef<[u8]>) -> Result<()> {
    let path = terminated(path.as_ref())?;
    Error::check(sys::unlink(&path)).map(|_| ())
}

/// A path as the interface wants it.
fn terminated(path: &[u8]) -> Result<alloc::ffi::CString> {
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(path.len() + 1)
        .map_err(|_| Error::NoMemory)?;
    bytes.extend_from_slice(path);
    alloc::ffi::CString::new(bytes).map_err(|_| Error::Invalid)
}
