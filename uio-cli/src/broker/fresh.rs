//! What files on the share are like: the broker sees them without asking anybody, and spares the guest
//! the questions whether the program in its memory is still the file.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat2};
use uio_console::Fresh;
use uio_console::argv::{Argv, program_of};

use crate::error::{Error, Result};

/// Tells what the file is like that a command line runs.
pub trait Files {
    /// What the file that `argv` runs is like, in a guest that mounts the share at `mount`; `None` if
    /// it runs none, or nothing is known of it.
    fn of(&self, mount: &[u8], argv: &[u8]) -> Option<Fresh>;
}

/// A directory that is shared with a guest.
#[derive(Debug)]
pub struct Shared {
    root: File,
}

impl Shared {
    /// Opens the directory.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub fn open(path: &Path) -> Result<Self> {
        let root = File::open(path).map_err(|e| Error::path("open the share", path, e))?;
        Ok(Self { root })
    }

    /// What the regular file at `path` below the directory is like. Nothing outside of the directory
    /// and its file system is looked at, wherever symbolic links point to, and nothing is opened that
    /// could make one wait.
    fn look(&self, path: &Path) -> Option<Fresh> {
        let file = openat2(
            &self.root,
            path,
            OFlags::PATH | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV,
        )
        .ok()?;
        let stat = fstat(file).ok()?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return None;
        }
        let seconds = u64::try_from(stat.st_mtime).ok()?;
        let modified_ns = seconds
            .checked_mul(1_000_000_000)?
            .checked_add(stat.st_mtime_nsec)?;
        let size = u64::try_from(stat.st_size).ok()?;
        Some(Fresh::of(size, modified_ns, stat.st_ino))
    }
}

impl Files for Shared {
    fn of(&self, mount: &[u8], argv: &[u8]) -> Option<Fresh> {
        let argv = Argv::new(argv).ok()?;
        if argv.get(0) != Some(b"run") {
            return None;
        }
        self.look(&below(mount, program_of(argv).path()?)?)
    }
}

/// The part of a path in the guest that lies below `mount`. Relative paths start there, and empty
/// components, `.` and `..` are resolved by name, as the guest does it.
fn below(mount: &[u8], path: &[u8]) -> Option<PathBuf> {
    let mut parts: Vec<&[u8]> = Vec::new();
    let base: &[u8] = if path.starts_with(b"/") { b"" } else { mount };
    for part in [base, path] {
        for component in part.split(|&byte| byte == b'/') {
            match component {
                b"" | b"." => {}
                b".." => {
                    parts.pop();
                }
                name => parts.push(name),
            }
        }
    }
    let mut parts = parts.into_iter();
    let mount = mount.split(|&byte| byte == b'/');
    for component in mount.filter(|component| !component.is_empty()) {
        if parts.next() != Some(component) {
            return None;
        }
    }
    let inside: PathBuf = parts.map(OsStr::from_bytes).collect();
    (!inside.as_os_str().is_empty()).then_some(inside)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;
    use crate::testing::TempDir;

    fn argv(words: &[&str]) -> Vec<u8> {
        let mut argv = words.join("\0").into_bytes();
        argv.push(0);
        argv
    }

    #[test]
    fn paths_in_the_guest() {
        for (path, inside) in [
            ("/uio/x.o", Some("x.o")),
            ("x.o", Some("x.o")),
            ("//uio/./a/../b//x.o", Some("b/x.o")),
            ("a/../../uio/x.o", Some("x.o")),
            ("/uio/../uio/x.o", Some("x.o")),
            ("/uio", None),
            ("..", None),
            ("/uiox/x.o", None),
            ("/x.o", None),
            ("../x.o", None),
        ] {
            let inside = inside.map(PathBuf::from);
            assert_eq!(below(b"/uio", path.as_bytes()), inside, "{path}");
        }
        assert_eq!(below(b"/", b"/a/b"), Some(PathBuf::from("a/b")));
    }

    #[test]
    fn only_files_of_the_share_are_seen() {
        let temp = TempDir::new();
        let share = temp.path().join("share");
        fs::create_dir_all(share.join("dir")).unwrap();
        fs::write(share.join("dir/x.o"), b"object").unwrap();
        fs::write(temp.path().join("secret"), b"secret").unwrap();
        symlink("dir/x.o", share.join("link")).unwrap();
        symlink("../secret", share.join("out")).unwrap();
        symlink(temp.path().join("secret"), share.join("absolute")).unwrap();
        symlink("/proc/self/root/etc/passwd", share.join("magic")).unwrap();
        let shared = Shared::open(&share).unwrap();
        let of = |words: &[&str]| shared.of(b"/uio", &argv(words));
        let meta = fs::metadata(share.join("dir/x.o")).unwrap();
        let modified_ns = meta.mtime() as u64 * 1_000_000_000 + meta.mtime_nsec() as u64;
        let fresh = Fresh::of(6, modified_ns, meta.ino());
        for path in ["dir/x.o", "/uio/dir/x.o", "link", "/uio/link"] {
            assert_eq!(of(&["run", path, "arg"]), Some(fresh), "{path}");
            assert_eq!(of(&["run", "--timeout", "2s", path]), Some(fresh), "{path}");
        }
        for path in ["out", "absolute", "magic", "dir", "none", "../secret", ""] {
            assert_eq!(of(&["run", path]), None, "{path}");
        }
        assert_eq!(of(&["cat", "/uio/dir/x.o"]), None);
        assert_eq!(of(&["run"]), None);
    }

    #[test]
    fn a_changed_file_is_seen_to_be_another() {
        let temp = TempDir::new();
        let path = temp.path().join("x.o");
        fs::write(&path, b"object").unwrap();
        let shared = Shared::open(temp.path()).unwrap();
        let look = || shared.of(b"/uio", &argv(&["run", "x.o"])).unwrap();
        let before = look();
        assert_eq!(before, look());
        let file = File::options().write(true).open(&path).unwrap();
        let later =
            file.metadata().unwrap().modified().unwrap() + std::time::Duration::from_nanos(1);
        file.set_modified(later).unwrap();
        assert_ne!(look(), before);
    }
}
