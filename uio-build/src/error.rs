//! The one error type of this crate.

use std::io;
use std::path::PathBuf;

/// What went wrong while building, and what mends it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or directory could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A program could not be started at all.
    #[error("cannot start `{command}`: {source}")]
    Spawn {
        /// The command line.
        command: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A program ran and reported failure.
    #[error("`{command}` failed ({status}){}{output}", if output.is_empty() { "" } else { "\n" })]
    Failed {
        /// The command line.
        command: String,
        /// Its exit status.
        status: String,
        /// What it wrote to its standard error, when that was captured.
        output: String,
    },
    /// No compiler with its own library source was found.
    #[error(
        "no Rust toolchain with its own library source was found, and `-Zbuild-std` needs one. Looked at:\n{looked}\n\
         Install one of these:\n  \
         apt install rustc-web cargo-web libstd-rust-web-dev rust-web-src lld   (Debian 12)\n  \
         rustup toolchain install nightly && rustup component add rust-src --toolchain nightly\n\
         or point UIO_CARGO at the cargo of such a toolchain."
    )]
    NoToolchain {
        /// One line for each place that was looked at, with what it lacked.
        looked: String,
    },
    /// No linker for a bare target was found.
    #[error(
        "no linker for bare targets was found (looked for rust-lld in every rustup toolchain, then for ld.lld). \
         Install one: `apt install lld`, or any rustup toolchain, which brings rust-lld"
    )]
    NoLinker,
    /// Another program's output was not what its documentation promises.
    #[error("unexpected output of {program}: {reason}")]
    Output {
        /// The program.
        program: String,
        /// What was missing or malformed.
        reason: String,
    },
    /// A patch file is not a well-formed unified diff.
    #[error("patch {patch}: {reason}")]
    PatchSyntax {
        /// File name of the patch.
        patch: String,
        /// What is wrong.
        reason: String,
    },
    /// A patch does something that a hook must not do.
    #[error(
        "patch {patch}: it {action} {file}; patches only change existing files, new files belong in overlay/"
    )]
    PatchAction {
        /// File name of the patch.
        patch: String,
        /// "creates", "deletes", "renames" or "copies".
        action: &'static str,
        /// The file in question.
        file: String,
    },
    /// A patch names a file that the source does not have.
    #[error("patch {patch}: {file} does not exist in the source")]
    PatchTarget {
        /// File name of the patch.
        patch: String,
        /// The missing file.
        file: String,
    },
    /// The lines a hunk expects are not in the file.
    #[error("patch {patch}: hunk {hunk} of {file} does not apply at line {line}: {reason}")]
    Hunk {
        /// File name of the patch.
        patch: String,
        /// The file being patched.
        file: String,
        /// Number of the hunk in that file, from 1.
        hunk: usize,
        /// Line of the unpatched file at which the hunk claims to apply, from 1.
        line: usize,
        /// The first line that differs.
        reason: String,
    },
    /// An overlay file would replace a file of the kernel.
    #[error(
        "overlay/{file} would replace a file of the kernel; change that file with a patch instead"
    )]
    OverlayReplaces {
        /// Path inside the overlay.
        file: String,
    },
    /// An archive or object file is malformed.
    #[error("{file}: {reason}")]
    Object {
        /// The archive, its member, or the image.
        file: String,
        /// The rule it breaks.
        reason: String,
    },
    /// The application cannot be built as asked.
    #[error("{0}")]
    App(String),
}

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Wraps an I/O error with the path it happened on.
    pub fn io(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io {
            path: path.into(),
            source,
        }
    }
}
