//! `uio logs`: the serial log of a VM.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::broker::serial::set_aside;
use crate::cli::LogsArgs;
use crate::dirs;
use crate::entry::{Registry, check_name};
use crate::error::{Error, Result, exit};
use crate::render::Format;

/// How often a log that is followed is looked at.
const PERIOD: Duration = Duration::from_millis(100);

/// Where the serial log of a VM is.
///
/// # Errors
/// See [`dirs::state`].
pub fn path_of(name: &str) -> Result<PathBuf> {
    let dir = dirs::state()?.join("logs");
    dirs::private_dir(&dir)?;
    Ok(dir.join(format!("{name}.log")))
}

/// Turns lines into JSON objects with the member `text`.
struct JsonLines<W> {
    out: W,
    /// What came of the last line.
    begun: Vec<u8>,
}

impl<W: Write> JsonLines<W> {
    fn object(&mut self, line: &[u8]) -> io::Result<()> {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches('\r');
        writeln!(self.out, "{}", serde_json::json!({ "text": text }))
    }

    /// Ends the last line, if the log does not.
    fn finish(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.begun);
        if !line.is_empty() {
            self.object(&line)?;
        }
        self.out.flush()
    }
}

impl<W: Write> Write for JsonLines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.begun.extend_from_slice(piece);
            if self.begun.pop_if(|last| *last == b'\n').is_some() {
                let line = std::mem::take(&mut self.begun);
                self.object(&line)?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Prints the log, and goes on as it grows if that was asked for.
///
/// # Errors
/// [`Error::NoVm`] when there is no log of that name.
pub fn run(args: &LogsArgs, format: Format) -> Result<u8> {
    let registry = Registry::open()?;
    let (name, path) = match &args.name {
        Some(name) => {
            check_name(name)?;
            (name.clone(), path_of(name)?)
        }
        None => {
            let entry = registry.find(None)?;
            (entry.name, entry.log)
        }
    };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Err(registry
                .find(Some(&name))
                .err()
                .unwrap_or(Error::VmEnded(name)));
        }
        Err(e) => return Err(Error::path("open", &path, e)),
    };
    let lives = || args.follow && registry.is_alive(&name);
    let print = || match format {
        Format::Text => everything(file, &path, &mut io::stdout().lock(), &lives),
        Format::Json => {
            let mut lines = JsonLines {
                out: io::stdout().lock(),
                begun: Vec::new(),
            };
            everything(file, &path, &mut lines, &lives)?;
            lines.finish()
        }
    };
    match print() {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Error::path("print", &path, e)),
        _ => Ok(exit::OK),
    }
}

/// Copies the part of the log that was set aside, and then what [`follow`] does.
fn everything(
    file: File,
    path: &Path,
    out: &mut dyn Write,
    lives: &dyn Fn() -> bool,
) -> io::Result<()> {
    if let Ok(mut before) = File::open(set_aside(path)) {
        io::copy(&mut before, out)?;
    }
    follow(file, path, out, lives)
}

/// Copies `file` to `out`, and what is added to it for as long as `lives` says so; then once more,
/// so that the last words are not lost.
fn follow(
    mut file: File,
    path: &Path,
    out: &mut dyn Write,
    lives: &dyn Fn() -> bool,
) -> io::Result<()> {
    loop {
        let last_round = !lives();
        io::copy(&mut file, out)?;
        out.flush()?;
        if last_round {
            return Ok(());
        }
        // The log was set aside, and a new one begun.
        if let Ok(new) = File::open(path)
            && (new.metadata()?.ino() != file.metadata()?.ino())
        {
            io::copy(&mut file, out)?;
            file = new;
            continue;
        }
        thread::sleep(PERIOD);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_objects_however_they_are_cut() {
        let mut lines = JsonLines {
            out: Vec::new(),
            begun: Vec::new(),
        };
        for piece in ["one\r\ntw", "o\n\n", "\"three\""] {
            lines.write_all(piece.as_bytes()).unwrap();
        }
        lines.finish().unwrap();
        let text = String::from_utf8(lines.out).unwrap();
        let expected = [
            "{\"text\":\"one\"}",
            "{\"text\":\"two\"}",
            "{\"text\":\"\"}",
            "{\"text\":\"\\\"three\\\"\"}",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }
}
