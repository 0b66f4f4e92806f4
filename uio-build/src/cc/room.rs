//! A directory for the time of a compilation.

use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// The directory; removed when dropped.
pub(super) struct Room(PathBuf);

impl Room {
    /// Makes one.
    pub(super) fn new() -> Result<Self> {
        for attempt in 0..1000u32 {
            let path =
                std::env::temp_dir().join(format!("uio-cc-{}-{attempt}", std::process::id()));
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::io(path, error)),
            }
        }
        Err(Error::App(format!(
            "no directory can be made in {}",
            std::env::temp_dir().display()
        )))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file into it.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        std::fs::write(&path, text).map_err(|error| Error::io(&path, error))?;
        Ok(path)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // A leftover in the directory for temporary files does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
