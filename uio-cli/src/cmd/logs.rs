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

/// Prints the log, and goes on as it grows if that was asked for.
///
/// # Errors
/// [`Error::NoVm`] when there is no log of that name.
pub fn run(args: &LogsArgs) -> Result<u8> {
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
    let mut out = io::stdout().lock();
    let print = || -> io::Result<()> {
        if let Ok(mut before) = File::open(set_aside(&path)) {
            io::copy(&mut before, &mut out)?;
        }
        follow(file, &path, &mut out, &|| {
            args.follow && registry.is_alive(&name)
        })
    };
    match print() {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Error::path("print", &path, e)),
        _ => Ok(exit::OK),
    }
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
