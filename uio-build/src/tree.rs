//! A source tree in memory, written out with as few changes as possible.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Directories that are never source.
const SKIPPED: [&str; 3] = ["target", ".git", ".cargo"];

/// Files by their path relative to the root, with `/` between the parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    files: BTreeMap<String, Vec<u8>>,
}

impl Tree {
    /// Reads all files below `root`.
    ///
    /// # Errors
    /// [`Error::Io`] naming what could not be read.
    pub fn load(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        tree.load_dir(root, "")?;
        Ok(tree)
    }

    fn load_dir(&mut self, dir: &Path, prefix: &str) -> Result<()> {
        for entry in fs::read_dir(dir).map_err(|error| Error::io(dir, error))? {
            let entry = entry.map_err(|error| Error::io(dir, error))?;
            let path = entry.path();
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                return Err(Error::io(
                    path,
                    std::io::Error::other("the name is not UTF-8"),
                ));
            };
            if path.is_dir() {
                if !(prefix.is_empty() && SKIPPED.contains(&name)) {
                    self.load_dir(&path, &format!("{prefix}{name}/"))?;
                }
            } else {
                let content = fs::read(&path).map_err(|error| Error::io(&path, error))?;
                self.files.insert(format!("{prefix}{name}"), content);
            }
        }
        Ok(())
    }

    /// Content of a file.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(Vec::as_slice)
    }

    /// Adds or replaces a file.
    pub fn insert(&mut self, path: impl Into<String>, content: impl Into<Vec<u8>>) {
        self.files.insert(path.into(), content.into());
    }

    /// Removes a file; nothing happens when there is none.
    pub fn remove(&mut self, path: &str) {
        self.files.remove(path);
    }

    /// All files in order of their path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files
            .iter()
            .map(|(path, content)| (path.as_str(), content.as_slice()))
    }

    /// Makes `root` hold exactly this tree, leaving every file alone whose content is right already, so that its
    /// time stamp lets cargo skip it. Returns how many files were written or removed.
    ///
    /// # Errors
    /// [`Error::Io`] naming what could not be written.
    pub fn write(&self, root: &Path) -> Result<usize> {
        let old = if root.is_dir() {
            Self::load(root)?
        } else {
            Self::default()
        };
        let mut changed = 0;
        for (path, content) in self.iter() {
            if old.get(path) != Some(content) {
                let path = root.join(path);
                create_parent(&path)?;
                fs::write(&path, content).map_err(|error| Error::io(&path, error))?;
                changed += 1;
            }
        }
        for (path, _) in old.iter().filter(|(path, _)| self.get(path).is_none()) {
            let path = root.join(path);
            fs::remove_file(&path).map_err(|error| Error::io(&path, error))?;
            changed += 1;
        }
        Ok(changed)
    }
}

/// Creates the directory that is to hold `path`.
///
/// # Errors
/// [`Error::Io`] naming the directory.
pub fn create_parent(path: &Path) -> Result<()> {
    let parent = path.parent().map(PathBuf::from).unwrap_or_default();
    fs::create_dir_all(&parent).map_err(|error| Error::io(parent, error))
}

/// Writes a file only when its content differs. Returns whether it did.
///
/// # Errors
/// [`Error::Io`] naming the file.
pub fn write_if_changed(path: &Path, content: &[u8]) -> Result<bool> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(false);
    }
    create_parent(path)?;
    fs::write(path, content).map_err(|error| Error::io(path, error))?;
    Ok(true)
}
