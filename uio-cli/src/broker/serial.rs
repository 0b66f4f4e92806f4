//! The serial log of a VM: a private file of bounded size, with the file before it kept.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A log longer than this, in bytes, is set aside as `<name>.log.1`, and a new one is begun.
pub const MAX_LEN: u64 = 16 * 1024 * 1024;

/// A log that is being written.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
    len: u64,
    max: u64,
    at_line_start: bool,
}

impl Log {
    /// Begins a new log.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub fn create(path: &Path) -> Result<Self> {
        let _ = fs::remove_file(path);
        let _ = fs::remove_file(set_aside(path));
        let file = open(path, true).map_err(|e| Error::path("make", path, e))?;
        Ok(Self::around(path, file))
    }

    /// Goes on with a log that was begun.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub fn append(path: &Path) -> Result<Self> {
        let file = open(path, false).map_err(|e| Error::path("open", path, e))?;
        Ok(Self::around(path, file))
    }

    fn around(path: &Path, file: File) -> Self {
        Self {
            path: path.to_owned(),
            len: file.metadata().map_or(0, |meta| meta.len()),
            file,
            max: MAX_LEN,
            at_line_start: true,
        }
    }

    /// Appends what the guest printed.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.len + bytes.len() as u64 > self.max {
            fs::rename(&self.path, set_aside(&self.path))?;
            self.file = open(&self.path, true)?;
            self.len = 0;
        }
        self.file.write_all(bytes)?;
        self.len += bytes.len() as u64;
        if let Some(&last) = bytes.last() {
            self.at_line_start = last == b'\n';
        }
        Ok(())
    }

    /// Appends a line of the broker's own.
    ///
    /// # Errors
    /// What the file system says.
    pub fn note(&mut self, line: &str) -> io::Result<()> {
        let start = if self.at_line_start { "" } else { "\n" };
        self.write(format!("{start}[uio] {line}\n").as_bytes())
    }
}

/// Where the log before `path` is.
#[must_use]
pub fn set_aside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    PathBuf::from(name)
}

fn open(path: &Path, new: bool) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .create_new(new)
        .mode(0o600)
        .open(path)
}

/// The last `count` lines of a log, for a message.
#[must_use]
pub fn last_lines(path: &Path, count: usize) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn a_log_is_private_and_bounded() {
        let temp = TempDir::new();
        let path = temp.path().join("web.log");
        let mut log = Log::create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        log.max = 10;
        log.write(b"12345678\n").unwrap();
        log.write(b"abc").unwrap();
        log.note("x").unwrap();
        assert_eq!(fs::read(set_aside(&path)).unwrap(), b"abc");
        assert_eq!(fs::read(&path).unwrap(), b"\n[uio] x\n");
        Log::create(&path).unwrap();
        assert!(!set_aside(&path).exists());
    }

    #[test]
    fn the_last_lines_of_a_log() {
        let temp = TempDir::new();
        let path = temp.path().join("web.log");
        fs::write(&path, "a\nb\n\nc\n").unwrap();
        assert_eq!(last_lines(&path, 2), "b\nc");
        assert_eq!(last_lines(&path, 9), "a\nb\nc");
        assert_eq!(last_lines(&temp.path().join("none"), 9), "");
    }
}
