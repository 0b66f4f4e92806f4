//! Exercises for a directory: each does something with `std::fs` and checks what came of it.

mod check;
mod contents;
mod directories;
mod files;
mod names;
mod platform;

use std::fs;
use std::path::{Path, PathBuf};

pub use check::{Outcome, Reason};

/// One exercise.
pub type Case = fn(&Directory) -> Outcome;

/// All exercises, in order.
pub const CASES: &[(&str, Case)] = &[
    ("a new file takes what is written", files::create),
    ("an existing file is not made anew", files::create_existing),
    ("a missing file is not opened", files::missing),
    ("appended bytes go to the end", files::append),
    ("seeking from start, end and here", files::seek),
    ("bytes in the middle are overwritten", files::overwrite),
    ("truncating on opening", files::truncate),
    ("cutting and extending an open file", files::set_len),
    ("writing beyond the end leaves zeros", files::hole),
    ("a file opened for reading is not written", files::access),
    ("two handles see one file", files::two_handles),
    ("synced data is the host's", files::sync),
    ("large transfers in odd pieces", contents::large),
    ("many files are open at once", contents::many_open),
    (
        "directories are made and removed",
        directories::make_and_remove,
    ),
    ("a directory with entries stays", directories::not_empty),
    (
        "all entries are listed, with their kinds",
        directories::list,
    ),
    (
        "what is no directory has no entries",
        directories::not_a_directory,
    ),
    ("sizes, kinds and times", directories::stat),
    ("renaming, also over another file", names::rename),
    ("a removed file has gone", names::unlink),
    ("names of every kind", names::strange),
];

/// The directory that is exercised.
#[derive(Debug)]
pub struct Directory {
    work: PathBuf,
    kept: PathBuf,
}

impl Directory {
    /// Makes `kept/` and `work/` in `parent`; they must not be there.
    ///
    /// # Errors
    /// When they are, or cannot be made.
    pub fn new(parent: PathBuf) -> std::io::Result<Self> {
        let [work, kept] = ["work", "kept"].map(|name| parent.join(name));
        fs::create_dir(&work)?;
        fs::create_dir(&kept)?;
        Ok(Self { work, kept })
    }

    /// A path that no other exercise uses.
    fn path(&self, name: &str) -> PathBuf {
        self.work.join(name)
    }

    /// Where something stays for the host.
    fn kept(&self) -> &Path {
        &self.kept
    }
}
