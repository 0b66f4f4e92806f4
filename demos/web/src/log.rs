//! Logs in the RAM file system.
//!
//! Hermit's RAM file system neither truncates nor appends (`O_TRUNC` and `O_APPEND` are taken and
//! ignored), and every open file has a position of its own. So a log is one open file, written to in
//! one place only, whose position is the end; it never becomes longer than its limit, because its
//! newest half moves to a new file first.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::clock::{Civil, unix_now};
use crate::stats;

/// A log file of limited size.
#[derive(Debug)]
pub struct RamLog {
    path: PathBuf,
    file: Option<File>,
    len: usize,
    limit: usize,
}

impl RamLog {
    /// The log at `path`, of at most `limit` bytes; goes on with what is there.
    #[must_use]
    pub fn open(path: PathBuf, limit: usize) -> Self {
        let mut log = Self {
            path,
            file: None,
            len: 0,
            limit,
        };
        log.reopen(limit);
        log
    }

    /// Opens the file again, as it may have been removed, under another limit.
    pub fn reopen(&mut self, limit: usize) {
        self.limit = limit;
        if let Some(directory) = self.path.parent() {
            make_directories(directory);
        }
        self.file = None;
        if let Ok(mut file) = File::options().create(true).write(true).truncate(false).open(&self.path)
            && let Ok(metadata) = file.metadata()
            // Only the position counts: what `seek` returns is 0 on Hermit.
            && file.seek(SeekFrom::End(0)).is_ok()
        {
            self.len = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
            self.file = Some(file);
        }
    }

    /// Appends whole lines. What cannot be written is lost, and counted.
    pub fn append(&mut self, lines: &[u8]) {
        let lines = newest(lines, self.limit);
        if self.len.saturating_add(lines.len()) > self.limit {
            self.halve(self.limit.saturating_sub(lines.len()).min(self.limit / 2));
        }
        let written = match &mut self.file {
            Some(file) => file.write_all(lines),
            None => Err(io::ErrorKind::NotFound.into()),
        };
        if written.is_ok() {
            self.len += lines.len();
        } else {
            stats::lost(lines.iter().filter(|&&byte| byte == b'\n').count() as u64);
        }
    }

    /// Keeps the newest lines, of `keep` bytes at most.
    fn halve(&mut self, keep: usize) {
        let content = fs::read(&self.path).unwrap_or_default();
        let kept = newest(&content, keep);
        match self.replace(kept) {
            Ok(file) => {
                self.file = Some(file);
                self.len = kept.len();
                stats::rotated();
            }
            Err(_) => self.file = None,
        }
    }

    /// Puts a new file with `content` in the place of the old one. In one step where the system can
    /// rename; otherwise there is a moment without a file.
    fn replace(&self, content: &[u8]) -> io::Result<File> {
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        let new = PathBuf::from(name);
        // Left over from an attempt that failed.
        let _ = fs::remove_file(&new);
        if CAN_RENAME {
            let mut file = File::create(&new)?;
            file.write_all(content)?;
            if rename(&new, &self.path).is_ok() {
                return Ok(file);
            }
            fs::remove_file(&new)?;
        }
        // Without a file, removing it fails, and creating it is what is wanted.
        let _ = fs::remove_file(&self.path);
        let mut file = File::create(&self.path)?;
        file.write_all(content)?;
        Ok(file)
    }
}

/// Whether it makes sense to try.
const CAN_RENAME: bool = cfg!(any(not(target_os = "hermit"), feature = "uio"));

#[cfg(not(target_os = "hermit"))]
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// `std` cannot, on Hermit.
#[cfg(target_os = "hermit")]
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let c = |path: &Path| std::ffi::CString::new(path.as_os_str().as_encoded_bytes());
    uio_app::fs::rename(&c(from)?, &c(to)?).map_err(|_| io::ErrorKind::Unsupported.into())
}

/// The newest whole lines of `content`, of `most` bytes at most.
fn newest(content: &[u8], most: usize) -> &[u8] {
    let Some(start) = content.len().checked_sub(most).filter(|&start| start > 0) else {
        return content;
    };
    // A line that starts exactly here is whole.
    let from = start - 1;
    let tail = content.get(from..).unwrap_or_default();
    match tail.iter().position(|&byte| byte == b'\n') {
        Some(end) => tail.get(end + 1..).unwrap_or_default(),
        None => &[],
    }
}

/// Makes `path` and what is above it. `std::fs::create_dir_all` relies on errors that Hermit does
/// not give; what fails here shows when the file is opened.
fn make_directories(path: &Path) {
    if fs::metadata(path).is_ok() {
        return;
    }
    if let Some(above) = path.parent() {
        make_directories(above);
    }
    let _ = fs::create_dir(path);
}

/// The error log, which several threads write to.
#[derive(Debug)]
pub struct ErrorLog(Mutex<RamLog>);

impl ErrorLog {
    /// The log at `path`, of at most `limit` bytes.
    #[must_use]
    pub fn open(path: PathBuf, limit: usize) -> Self {
        Self(Mutex::new(RamLog::open(path, limit)))
    }

    /// Opens the file again, under another limit.
    pub fn reopen(&self, limit: usize) {
        self.with(|log| log.reopen(limit));
    }

    /// Something an operator would want to know.
    pub fn notice(&self, text: &str) {
        self.line("notice", text);
    }

    /// Something that is wrong.
    pub fn error(&self, text: &str) {
        self.line("error", text);
    }

    /// Every line of `text` with the time and the kind, so that no line stands alone.
    fn line(&self, kind: &str, text: &str) {
        let time = Civil::from_unix(unix_now()).iso();
        let lines: String = text
            .lines()
            .map(|line| format!("{time} {kind}: {line}\n"))
            .collect();
        self.with(|log| log.append(lines.as_bytes()));
    }

    fn with(&self, work: impl FnOnce(&mut RamLog)) {
        // A log that a panicking thread left is still a log.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::{RamLog, newest};

    fn scratch(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("web-log-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        directory.join("var/log/access.log")
    }

    #[test]
    fn whole_lines_are_kept() {
        let text = b"one\ntwo\nthree\n";
        for (most, expected) in [
            (0, &b""[..]),
            (5, b""),
            (6, b"three\n"),
            (9, b"three\n"),
            (10, b"two\nthree\n"),
            (14, text),
            (99, text),
        ] {
            assert_eq!(newest(text, most), expected, "{most}");
        }
        assert_eq!(newest(b"no end", 3), b"");
    }

    #[test]
    fn a_log_never_exceeds_its_limit_and_keeps_the_newest() {
        let path = scratch("bounded");
        let mut log = RamLog::open(path.clone(), 1_000);
        for number in 0..500 {
            log.append(format!("line {number}\n").as_bytes());
            let text = fs::read_to_string(&path).expect("it is there");
            assert!(text.len() <= 1_000);
            assert!(text.starts_with("line "), "cut within a line");
            assert!(text.ends_with(&format!("line {number}\n")));
            if number > 100 {
                assert!(text.len() >= 480, "more than the older half is gone");
            }
        }
    }

    #[test]
    fn more_at_once_than_the_limit_leaves_the_newest() {
        let path = scratch("flood");
        let mut log = RamLog::open(path.clone(), 100);
        log.append(b"old\n");
        let flood: String = (0..1_000).map(|n| format!("{n:03}\n")).collect();
        log.append(flood.as_bytes());
        let text = fs::read_to_string(&path).expect("it is there");
        assert!(text.len() <= 100 && text.ends_with("998\n999\n"), "{text}");
    }

    #[test]
    fn a_log_goes_on_where_it_was_and_comes_back_when_removed() {
        let path = scratch("reopen");
        RamLog::open(path.clone(), 100).append(b"first\n");
        let mut log = RamLog::open(path.clone(), 100);
        log.append(b"second\n");
        assert_eq!(fs::read(&path).expect("there"), b"first\nsecond\n");
        fs::remove_file(&path).expect("removed");
        log.append(b"into nothing\n");
        log.reopen(100);
        log.append(b"third\n");
        assert_eq!(fs::read(&path).expect("there"), b"third\n");
    }

    #[test]
    fn a_place_that_cannot_be_written_loses_lines_and_nothing_else() {
        let mut log = RamLog::open(PathBuf::from("/proc/no/such/place.log"), 100);
        log.append(b"lost\n");
        log.append(&[b'\n'; 200]);
    }
}
