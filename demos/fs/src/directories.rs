//! Directories: making, listing, removing, and what is known of their entries.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use crate::Directory;
use crate::check::{Outcome, errno, fails, holds, same};
use crate::platform;

/// Entries of the large directory.
const MANY: usize = 200;

pub fn make_and_remove(directory: &Directory) -> Outcome {
    let outer = directory.path("outer");
    let inner = outer.join("inner");
    fails(
        "make one in a missing one",
        fs::create_dir(&inner),
        errno::ENOENT,
    )?;
    fs::create_dir(&outer)?;
    fs::create_dir(&inner)?;
    fails(
        "make one that is there",
        fs::create_dir(&inner),
        errno::EEXIST,
    )?;
    holds("it is a directory", fs::metadata(&inner)?.is_dir())?;
    fs::remove_dir(&inner)?;
    fs::remove_dir(&outer)?;
    fails("stat", fs::metadata(&outer), errno::ENOENT)?;
    fails(
        "remove a missing one",
        fs::remove_dir(&outer),
        errno::ENOENT,
    )
}

pub fn not_empty(directory: &Directory) -> Outcome {
    let path = directory.path("not_empty");
    fs::create_dir(&path)?;
    fs::write(path.join("file"), "")?;
    fails("remove", fs::remove_dir(&path), errno::ENOTEMPTY)?;
    fs::remove_file(path.join("file"))?;
    Ok(fs::remove_dir(&path)?)
}

pub fn list(directory: &Directory) -> Outcome {
    let path = directory.kept().join("many");
    fs::create_dir(&path)?;
    same("entries of an empty one", platform::entries(&path)?, 0)?;
    let mut expected = BTreeSet::new();
    for number in 0..MANY {
        let name = format!("{number:03}");
        fs::write(path.join(&name), number.to_string())?;
        expected.insert((name, false));
    }
    fs::create_dir(path.join("below"))?;
    expected.insert(("below".to_owned(), true));
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(&path)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Hermit tells no kinds in its lists.
        found.insert((name, fs::metadata(entry.path())?.is_dir()));
    }
    let missing: Vec<_> = expected.difference(&found).collect();
    same("missing entries", missing, Vec::new())?;
    let extra: Vec<_> = found.difference(&expected).collect();
    same("extra entries", extra, Vec::new())
}

pub fn not_a_directory(directory: &Directory) -> Outcome {
    let path = directory.path("file");
    fs::write(&path, "x")?;
    fails("list a file", fs::read_dir(&path), errno::ENOTDIR)?;
    fails(
        "open below a file",
        File::open(path.join("x")),
        errno::ENOTDIR,
    )?;
    fails(
        "remove a file as a directory",
        fs::remove_dir(&path),
        errno::ENOTDIR,
    )?;
    let one = directory.path("directory");
    fs::create_dir(&one)?;
    fails("write to a directory", File::create(&one), errno::EISDIR)?;
    fails("unlink a directory", fs::remove_file(&one), errno::EISDIR)
}

pub fn stat(directory: &Directory) -> Outcome {
    let path = directory.path("stat");
    fs::write(&path, [1; 12_345])?;
    let known = fs::metadata(&path)?;
    same("size", known.len(), 12_345)?;
    holds("it is a file", known.is_file() && !known.is_dir())?;
    let opened = File::open(&path)?.metadata()?;
    same("size of the open file", opened.len(), 12_345)?;
    let modified = known.modified()?;
    let now = SystemTime::now();
    let apart = now
        .duration_since(modified)
        .or_else(|_| modified.duration_since(now))
        .unwrap_or(Duration::MAX);
    holds(
        "it was modified about now",
        apart < Duration::from_secs(3600),
    )
}
