//! Starting a virtual machine monitor as a child that cannot outlive its parent.

#![allow(unsafe_code)]

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};

/// Starts `program` in `directory`, in a process group of its own (the terminal's Ctrl-C does not reach it), its
/// output in pipes, its input empty. The kernel kills it when this process's calling thread ends.
///
/// # Errors
/// Why it could not be started.
pub fn spawn(program: &Path, arguments: &[OsString], directory: &Path) -> io::Result<Child> {
    let parent = getpid();
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let die_with_parent = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        if getppid() == Some(parent) {
            Ok(())
        } else {
            // The parent died before the signal was set up.
            Err(io::Error::from(io::ErrorKind::BrokenPipe))
        }
    };
    // SAFETY: between fork and exec the closure makes two system calls and neither allocates nor
    // takes a lock, so it does nothing that is unsound in a child of a process with threads.
    unsafe { command.pre_exec(die_with_parent) };
    command.spawn()
}
