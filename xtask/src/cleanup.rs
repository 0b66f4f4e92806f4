//! What has to be undone however a task ends: virtual machines, mounts, directories.
//!
//! Virtual machines run in sessions of their own, so Ctrl-C does not reach them: a thread waits for the signals that
//! end this program and stops them first.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// What is to be undone, oldest first.
static PENDING: Mutex<Vec<Item>> = Mutex::new(Vec::new());

#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    /// A directory.
    Directory(PathBuf),
    /// A mounted file system.
    Mount(PathBuf),
    /// A process; a virtual machine's broker, say, with which the monitor goes.
    Process(u32),
}

/// Undoes everything when this program is told to end.
///
/// # Errors
/// When the system takes no handlers.
pub fn on_signals() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            let mut pending = pending();
            while let Some(item) = pending.pop() {
                undo(&item);
            }
            std::process::exit(128 + signal);
        }
    });
    Ok(())
}

/// Has a directory removed if the task is interrupted.
pub fn remove_at_end(path: &Path) {
    pending().push(Item::Directory(path.to_owned()));
}

/// Removes such a directory now.
pub fn remove(path: &Path) {
    settle(&Item::Directory(path.to_owned()));
}

/// Has a file system unmounted if the task is interrupted.
pub fn unmount_at_end(path: &Path) {
    pending().push(Item::Mount(path.to_owned()));
}

/// Unmounts such a file system now.
pub fn unmount(path: &Path) {
    settle(&Item::Mount(path.to_owned()));
}

/// Has a process killed if the task is interrupted.
pub fn kill_at_end(pid: u32) {
    pending().push(Item::Process(pid));
}

/// Forgets a process that has ended.
pub fn forget(pid: u32) {
    pending().retain(|pending| *pending != Item::Process(pid));
}

fn settle(item: &Item) {
    pending().retain(|pending| pending != item);
    undo(item);
}

fn pending() -> MutexGuard<'static, Vec<Item>> {
    PENDING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Undoes one thing. What cannot be undone any more is left: there is nobody to tell.
fn undo(item: &Item) {
    match item {
        Item::Directory(path) => {
            let _ = std::fs::remove_dir_all(path);
        }
        Item::Mount(path) => {
            let mut umount = Command::new("umount");
            let quiet = umount.arg("--lazy").arg(path).stderr(Stdio::null());
            let _ = quiet.status();
        }
        Item::Process(pid) => {
            if let Some(pid) = i32::try_from(*pid)
                .ok()
                .and_then(rustix::process::Pid::from_raw)
            {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
}
