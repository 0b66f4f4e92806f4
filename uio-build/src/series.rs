//! The patches of one kernel version: `series`, the patch files it lists, `overlay/` and `Cargo.lock`.

use std::path::{Path, PathBuf};

use crate::patch::Patch;
use crate::tree::Tree;
use crate::{Error, Result, source};

/// Stands for the absolute path of this project's root in a patched `Cargo.toml`.
pub const ROOT_PLACEHOLDER: &str = "@UIO_ROOT@";

/// Fixes the kernel's dependencies, this project's own crates included.
const LOCK: &str = "Cargo.lock";

/// A directory such as `patches/hermit-kernel-0.11.0/`.
#[derive(Clone, Debug)]
pub struct Series {
    dir: PathBuf,
    patches: Vec<Patch>,
}

impl Series {
    /// Reads the patches for the kernel of this project whose root is `root`.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file that cannot be read.
    pub fn of_project(root: &Path) -> Result<Self> {
        Self::load(
            &root
                .join("patches")
                .join(format!("{}-{}", source::PACKAGE, source::VERSION)),
        )
    }

    /// Reads `series` in `dir`, and the patches it lists; empty lines and those that begin with `#` are skipped.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file that cannot be read.
    pub fn load(dir: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = dir.join(name);
            std::fs::read_to_string(&path).map_err(|error| Error::io(path, error))
        };
        let list = read("series")?;
        let names = list
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let patches = names
            .map(|name| Ok(Patch::new(name, read(name)?)))
            .collect::<Result<_>>()?;
        Ok(Self {
            dir: dir.to_path_buf(),
            patches,
        })
    }

    /// The patches in the order in which they apply.
    #[must_use]
    pub fn patches(&self) -> &[Patch] {
        &self.patches
    }

    /// The directory of the series.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The committed lock file.
    #[must_use]
    pub fn lock_file(&self) -> PathBuf {
        self.dir.join(LOCK)
    }

    /// Applies every patch in order.
    ///
    /// # Errors
    /// Those of [`Patch::apply`].
    pub fn apply(&self, tree: &mut Tree) -> Result<()> {
        self.patches.iter().try_for_each(|patch| patch.apply(tree))
    }

    /// Adds the files of `overlay/` and the lock file, and makes the manifest one that cargo accepts anywhere below
    /// another workspace: `root` fills the placeholder, and the kernel becomes a workspace of its own.
    ///
    /// # Errors
    /// [`Error::OverlayReplaces`] when an overlay file exists in the kernel already, [`Error::Io`].
    pub fn finish(&self, tree: &mut Tree, root: &Path) -> Result<()> {
        let overlay = self.dir.join("overlay");
        if overlay.is_dir() {
            for (file, content) in Tree::load(&overlay)?.iter() {
                if tree.get(file).is_some() {
                    return Err(Error::OverlayReplaces {
                        file: file.to_owned(),
                    });
                }
                tree.insert(file, content);
            }
        }
        let lock = self.lock_file();
        if lock.is_file() {
            tree.insert(
                LOCK,
                std::fs::read(&lock).map_err(|error| Error::io(&lock, error))?,
            );
        }
        // It would make a rustup proxy fetch the toolchain of the kernel's release date.
        tree.remove("rust-toolchain.toml");
        let manifest = tree
            .get("Cargo.toml")
            .ok_or_else(|| Error::io("Cargo.toml", std::io::ErrorKind::NotFound.into()))?;
        let mut manifest =
            String::from_utf8_lossy(manifest).replace(ROOT_PLACEHOLDER, &root.to_string_lossy());
        if !manifest.lines().any(|line| line == "[workspace]") {
            manifest.push_str("\n[workspace]\n");
        }
        tree.insert("Cargo.toml", manifest);
        Ok(())
    }
}
