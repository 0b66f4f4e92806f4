//! Putting an image's symbol index on the share, where the overlay looks for it.
//!
//! The guest can write to the share, so nothing there is trusted: every step is made relative to
//! an open directory and refuses symbolic links, and the index is copied, so that the guest cannot
//! change the host's own.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, mkdirat, openat, renameat, unlinkat};
use rustix::io::Errno;

/// Directory of the share that belongs to uIO.
pub const DIR: &str = ".uio";

/// Name of the symbol index in [`DIR`].
pub const NAME: &str = "symbols";

/// Copies the index at `from` to `<share>/.uio/symbols`, in one step.
///
/// # Errors
/// What the file system says; `ELOOP` or `ENOTDIR` when something on the share is a link.
pub fn install(from: &Path, share: &Path) -> io::Result<()> {
    const NEW: &str = "symbols.new";
    let share = openat(
        CWD,
        share,
        OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    match mkdirat(&share, DIR, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(e) => return Err(e.into()),
    }
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = openat(&share, DIR, flags, Mode::empty())?;
    match unlinkat(&dir, NEW, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(e) => return Err(e.into()),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let new = openat(&dir, NEW, flags, Mode::from_raw_mode(0o644))?;
    io::copy(&mut File::open(from)?, &mut File::from(new))?;
    renameat(&dir, NEW, &dir, NAME)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn the_index_is_copied() {
        let temp = TempDir::new();
        let index = temp.path().join("web.sym");
        for text in ["one", "two"] {
            fs::write(&index, text).unwrap();
            install(&index, temp.path()).unwrap();
            let copy = fs::read_to_string(temp.path().join(".uio/symbols")).unwrap();
            assert_eq!(copy, text);
        }
    }

    #[test]
    fn links_that_a_guest_may_have_planted_are_not_followed() {
        let temp = TempDir::new();
        let share = temp.path().join("share");
        let outside = temp.path().join("outside");
        fs::create_dir(&share).unwrap();
        fs::create_dir(&outside).unwrap();
        let index = temp.path().join("web.sym");
        fs::write(&index, "index").unwrap();

        symlink(&outside, share.join(".uio")).unwrap();
        assert!(install(&index, &share).is_err());
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);

        fs::remove_file(share.join(".uio")).unwrap();
        fs::create_dir(share.join(".uio")).unwrap();
        let victim = outside.join("victim");
        fs::write(&victim, "mine").unwrap();
        for name in ["symbols", "symbols.new"] {
            symlink(&victim, share.join(".uio").join(name)).unwrap();
        }
        install(&index, &share).unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
    }
}
