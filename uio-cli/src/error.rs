//! Why a command of `uio` failed, what to do about it, and the exit code that tells of it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use uio_console::message::CloseReason;

/// Exit codes of `uio`, as its `--help` documents them.
pub mod exit {
    /// All went well.
    pub const OK: u8 = 0;
    /// Something failed; the message says what.
    pub const FAILURE: u8 = 1;
    /// The command line was wrong.
    pub const USAGE: u8 = 2;
    /// There is no such VM, or it is not clear which one is meant.
    pub const NO_VM: u8 = 3;
    /// The VM died, or its overlay gave no (sound) answer.
    pub const NO_ANSWER: u8 = 4;
}

/// Why a command of `uio` failed. Each message names the cause and, where there is one, the mend.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line does not make sense.
    #[error("{0}")]
    Usage(String),
    /// No VM has this name.
    #[error("no VM named `{name}` runs{}", list_running(.running))]
    NoVm {
        /// The name that was asked for.
        name: String,
        /// The names of the VMs that run.
        running: Vec<String>,
    },
    /// No VM was named, and none runs.
    #[error("no VM runs; start one with `uio run IMAGE`")]
    NoneRuns,
    /// No VM was named, and several run.
    #[error("several VMs run ({}); name one", .0.join(", "))]
    SeveralRun(Vec<String>),
    /// The name that a new VM should have is in use.
    #[error("a VM named `{0}` runs already; choose another --name, or end it with `uio stop {0}`")]
    NameTaken(String),
    /// The overlay did not answer.
    #[error(
        "the overlay of `{name}` did not answer within {} s; is its image built with the feature \
         `uio`? `uio logs {name}` shows what the guest printed",
        .after.as_secs_f32()
    )]
    NoAnswer {
        /// The VM.
        name: String,
        /// How long `uio` waited.
        after: Duration,
    },
    /// The VM ended while something was asked of it.
    #[error("the VM `{0}` ended before it answered; `uio logs {0}` shows what it printed last")]
    VmEnded(String),
    /// A VM that was being started ended.
    #[error("{0}")]
    StartFailed(String),
    /// The session was closed by the other side.
    #[error("the session was closed: {}", close_reason(.0))]
    Closed(CloseReason),
    /// The other side sent something that is not the protocol.
    #[error("the VM's socket sent {0}; the session is over")]
    Protocol(&'static str),
    /// A directory that must be private is not.
    #[error("{}: {problem}; {mend}", .path.display())]
    NotPrivate {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What mends it.
        mend: String,
    },
    /// An operation of the operating system failed.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried, with its path.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A build failed.
    #[error("{0}")]
    Build(#[from] uio_build::Error),
    /// Something else failed; the text says what and what to do.
    #[error("{0}")]
    Failed(String),
}

impl Error {
    /// Wraps an error of the operating system with what was tried.
    pub fn io(what: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::Io {
            what: what.into(),
            source: source.into(),
        }
    }

    /// Like [`Self::io`], for an operation on a path.
    pub fn path(what: &str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self::io(format!("{what} {}", path.display()), source)
    }

    /// The exit code that tells of this error.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => exit::USAGE,
            Self::NoVm { .. } | Self::NoneRuns | Self::SeveralRun(_) => exit::NO_VM,
            Self::NoAnswer { .. }
            | Self::VmEnded(_)
            | Self::StartFailed(_)
            | Self::Closed(_)
            | Self::Protocol(_) => exit::NO_ANSWER,
            Self::NameTaken(_)
            | Self::NotPrivate { .. }
            | Self::Io { .. }
            | Self::Build(_)
            | Self::Failed(_) => exit::FAILURE,
        }
    }
}

fn list_running(names: &[String]) -> String {
    if names.is_empty() {
        "; none does".to_owned()
    } else {
        format!("; these do: {}", names.join(", "))
    }
}

fn close_reason(reason: &CloseReason) -> String {
    match reason {
        CloseReason::Oversized => "a frame was too long".to_owned(),
        CloseReason::Malformed => "a frame was cut off or no message of the protocol".to_owned(),
        CloseReason::Version(theirs) => format!(
            "the other side speaks version {theirs} of the protocol and this `uio` version {}; use \
             a `uio` of the same release as the image",
            uio_console::PROTOCOL_VERSION
        ),
        CloseReason::NoHello => "a message came before the hello".to_owned(),
        CloseReason::DuplicateId => "a request's identifier was in use".to_owned(),
        CloseReason::Flooded => {
            "requests came faster than their ends could be told; read more, ask less".to_owned()
        }
        CloseReason::Overrun => "more data came than there was credit for".to_owned(),
    }
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
