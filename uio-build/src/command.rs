//! Running other programs, and cargo inside cargo.

use std::ffi::OsStr;
use std::process::{Command, ExitStatus, Output, Stdio};

use crate::{Error, Result};

/// Variables of cargo and rustup that configure the user's machine rather than the build that is under way.
const KEPT: [&str; 8] = [
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_SOURCE_",
    "CARGO_TERM_",
    "RUSTUP_HOME",
];

/// Whether a variable describes the outer build and must not leak into an inner one.
fn is_outer(key: &OsStr) -> bool {
    let Some(key) = key.to_str() else {
        return false;
    };
    let ours = key.starts_with("CARGO")
        || key.starts_with("RUST")
        || key == "LD_LIBRARY_PATH"
        || key == "MAKEFLAGS";
    ours && !KEPT.iter().any(|kept| key.starts_with(kept))
}

/// Removes every variable that an outer cargo, rustc or rustup set for its own build.
///
/// Cargo hands its build scripts dozens of `CARGO_*` and `RUST*` variables; a cargo started from there would
/// take them for its own configuration.
pub fn without_outer_build(command: &mut Command) -> &mut Command {
    for (key, _) in std::env::vars_os() {
        if is_outer(&key) {
            command.env_remove(key);
        }
    }
    command
}

/// The command line as a person would type it.
#[must_use]
pub fn display(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}

/// Runs a command to its end, captures both of its outputs, and leaves the judgement to the caller.
///
/// # Errors
/// [`Error::Spawn`] when it cannot be started.
pub fn output(command: &mut Command) -> Result<Output> {
    let output = command.stdin(Stdio::null()).output();
    output.map_err(|source| Error::Spawn {
        command: display(command),
        source,
    })
}

/// Runs a command and captures both of its outputs.
///
/// # Errors
/// [`Error::Spawn`] when it cannot be started, [`Error::Failed`] with its standard error when it reports failure.
pub fn capture(command: &mut Command) -> Result<Vec<u8>> {
    let Output {
        status,
        stdout,
        stderr,
    } = output(command)?;
    if status.success() {
        return Ok(stdout);
    }
    Err(failed(
        command,
        status,
        String::from_utf8_lossy(&stderr).trim_end().to_owned(),
    ))
}

/// Runs a command, captures its standard output and lets its standard error pass through, so that cargo's progress shows.
///
/// # Errors
/// [`Error::Spawn`] when it cannot be started, [`Error::Failed`] when it reports failure.
pub fn capture_stdout(command: &mut Command) -> Result<Vec<u8>> {
    let Output { status, stdout, .. } = output(command.stderr(Stdio::inherit()))?;
    if status.success() {
        return Ok(stdout);
    }
    Err(failed(command, status, String::new()))
}

/// The error for a command that ran and reported failure.
#[must_use]
pub fn failed(command: &Command, status: ExitStatus, output: String) -> Error {
    Error::Failed {
        command: display(command),
        status: status.to_string(),
        output,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outer_variables_are_recognised() {
        for key in [
            "CARGO",
            "CARGO_PKG_NAME",
            "RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
            "RUSTC",
            "LD_LIBRARY_PATH",
        ] {
            assert!(is_outer(OsStr::new(key)), "{key}");
        }
        for key in [
            "CARGO_HOME",
            "CARGO_NET_OFFLINE",
            "RUSTUP_HOME",
            "PATH",
            "HERMIT_LOG_LEVEL_FILTER",
        ] {
            assert!(!is_outer(OsStr::new(key)), "{key}");
        }
    }

    #[test]
    fn failure_carries_the_reason() {
        let error = capture(Command::new("sh").args(["-c", "echo why >&2; exit 3"]))
            .unwrap_err()
            .to_string();
        assert!(error.contains("why") && error.contains('3'), "{error}");
    }
}
