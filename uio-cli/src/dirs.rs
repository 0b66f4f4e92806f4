//! The directories that `uio` keeps its things in, each of them private to the user.

use std::env;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Permission bits of the directories.
pub const DIR_MODE: u32 = 0o700;

/// Where running VMs have their entries: `$XDG_RUNTIME_DIR/uio`, or `/tmp/uio-<uid>` where that
/// variable does not name a directory. Made if it is missing, and checked.
///
/// # Errors
/// [`Error::NotPrivate`] when somebody else could reach into it.
pub fn runtime() -> Result<PathBuf> {
    let base = match absolute_var("XDG_RUNTIME_DIR").filter(|dir| dir.is_dir()) {
        Some(dir) => dir.join("uio"),
        None => Path::new("/tmp").join(format!("uio-{}", uid())),
    };
    private_dir(&base)?;
    Ok(base)
}

/// Where logs and the shell's history are kept: `$XDG_STATE_HOME/uio`, or `~/.local/state/uio`, or,
/// without a home, the runtime directory. Made if it is missing, and checked.
///
/// # Errors
/// [`Error::NotPrivate`] when somebody else could reach into it.
pub fn state() -> Result<PathBuf> {
    let parent = absolute_var("XDG_STATE_HOME")
        .or_else(|| absolute_var("HOME").map(|home| home.join(".local/state")));
    let Some(parent) = parent else {
        return runtime();
    };
    fs::create_dir_all(&parent).map_err(|e| Error::path("make directory", &parent, e))?;
    let dir = parent.join("uio");
    private_dir(&dir)?;
    Ok(dir)
}

/// Makes `dir` with mode 0700; if it exists, checks that it is a directory of this user that
/// nobody else can enter.
///
/// # Errors
/// [`Error::NotPrivate`] when it is not, [`Error::Io`] when it cannot be made.
pub fn private_dir(dir: &Path) -> Result<()> {
    match DirBuilder::new().mode(DIR_MODE).create(dir) {
        Ok(()) => return Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(Error::path("make directory", dir, e)),
    }
    let meta = fs::symlink_metadata(dir).map_err(|e| Error::path("look at", dir, e))?;
    let refuse = |problem: String, mend: String| {
        Err(Error::NotPrivate {
            path: dir.to_owned(),
            problem,
            mend,
        })
    };
    if !meta.is_dir() {
        let mend = "remove it, or set XDG_RUNTIME_DIR to a directory of yours".to_owned();
        return refuse("is not a directory".to_owned(), mend);
    }
    if meta.uid() != uid() {
        let mend = "remove it, or set XDG_RUNTIME_DIR to a directory of yours".to_owned();
        return refuse(format!("belongs to user {}", meta.uid()), mend);
    }
    if meta.mode() & 0o077 != 0 {
        let mend = format!("run `chmod 700 {}`", dir.display());
        let problem = format!(
            "has mode {:04o}, so others can enter it",
            meta.mode() & 0o7777
        );
        return refuse(problem, mend);
    }
    Ok(())
}

/// The user that this process acts as.
#[must_use]
pub fn uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn absolute_var(name: &str) -> Option<PathBuf> {
    env::var_os(name)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn a_new_directory_is_private() {
        let temp = TempDir::new();
        let dir = temp.path().join("uio");
        private_dir(&dir).unwrap();
        assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o7777, 0o700);
        private_dir(&dir).unwrap();
    }

    #[test]
    fn an_open_directory_is_refused_with_the_mend() {
        let temp = TempDir::new();
        let dir = temp.path().join("uio");
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o750)).unwrap();
        let error = private_dir(&dir).unwrap_err();
        assert!(matches!(error, Error::NotPrivate { .. }));
        let text = error.to_string();
        assert!(
            text.contains("0750") && text.contains("chmod 700"),
            "{text}"
        );
    }

    #[test]
    fn a_link_or_a_file_in_its_place_is_refused() {
        let temp = TempDir::new();
        let target = temp.path().join("target");
        private_dir(&target).unwrap();
        let link = temp.path().join("link");
        symlink(&target, &link).unwrap();
        assert!(matches!(private_dir(&link), Err(Error::NotPrivate { .. })));
        let file = temp.path().join("file");
        fs::write(&file, b"").unwrap();
        assert!(matches!(private_dir(&file), Err(Error::NotPrivate { .. })));
    }
}
