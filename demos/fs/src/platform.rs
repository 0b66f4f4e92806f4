//! What `std::fs` does not offer on Hermit, through the overlay; on Linux through `std::fs`.

use std::fs::File;
use std::io;
use std::path::Path;

#[cfg(target_os = "hermit")]
mod imp {
    use std::ffi::CString;
    use std::os::fd::AsRawFd;
    use std::path::Path;
    use std::{fs::File, io};

    use uio_app::{Error, fs};

    fn io_error(error: Error) -> io::Error {
        match error {
            Error::Errno(errno) => io::Error::from_raw_os_error(errno),
            other => io::Error::other(other.to_string()),
        }
    }

    fn c_string(path: &Path) -> io::Result<CString> {
        Ok(CString::new(path.as_os_str().as_encoded_bytes())?)
    }

    pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(&c_string(from)?, &c_string(to)?).map_err(io_error)
    }

    pub(super) fn set_len(file: &File, len: u64) -> io::Result<()> {
        fs::set_len(file.as_raw_fd(), len).map_err(io_error)
    }

    pub(super) fn sync(file: &File) -> io::Result<()> {
        fs::sync(file.as_raw_fd()).map_err(io_error)
    }
}

#[cfg(not(target_os = "hermit"))]
mod imp {
    use std::path::Path;
    use std::{fs::File, io};

    pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    pub(super) fn set_len(file: &File, len: u64) -> io::Result<()> {
        file.set_len(len)
    }

    pub(super) fn sync(file: &File) -> io::Result<()> {
        file.sync_all()
    }
}

/// Gives a file another name.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    imp::rename(from, to)
}

/// Cuts or extends an open file.
pub fn set_len(file: &File, len: u64) -> io::Result<()> {
    imp::set_len(file, len)
}

/// Waits until what was written is the host's.
pub fn sync(file: &File) -> io::Result<()> {
    imp::sync(file)
}

/// How many entries a directory has.
pub fn entries(path: &Path) -> io::Result<usize> {
    match std::fs::read_dir(path) {
        Ok(entries) => Ok(entries.count()),
        // `std` takes "no bytes" of an empty directory for an error with number 0.
        Err(error) if cfg!(target_os = "hermit") && error.raw_os_error() == Some(0) => Ok(0),
        Err(error) => Err(error),
    }
}
