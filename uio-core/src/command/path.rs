//! Paths as arguments give them.

use alloc::vec::Vec;

use crate::files::{Error, Files};

/// `ENOENT` of Linux: no such file or directory.
const ENOENT: i32 = 2;
/// `ENAMETOOLONG` of Linux.
const ENAMETOOLONG: i32 = 36;
/// `ENOMEM` of Linux.
const ENOMEM: i32 = 12;
/// `PATH_MAX` of Linux.
const PATH_MAX: usize = 4096;

/// The absolute form of `path`: a relative one starts at the share, or at the root when none is
/// attached; empty components, `.` and `..` are resolved by name.
///
/// # Errors
/// An empty path, one that is too long, no memory.
pub(crate) fn absolute(files: &dyn Files, path: &[u8]) -> Result<Vec<u8>, Error> {
    if path.is_empty() {
        return Err(Error::Os(ENOENT));
    }
    let base = match (path.first(), files.share()) {
        (Some(b'/'), _) | (_, (_, false)) => "",
        (_, (share, true)) => share,
    };
    let most = base.len() + path.len() + 2;
    if most > PATH_MAX {
        return Err(Error::Os(ENAMETOOLONG));
    }
    let mut out = Vec::new();
    out.try_reserve_exact(most).map_err(|_| Error::Os(ENOMEM))?;
    for part in [base.as_bytes(), path] {
        for component in part.split(|&byte| byte == b'/') {
            match component {
                b"" | b"." => {}
                b".." => {
                    let end = out.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
                    out.truncate(end);
                }
                name => {
                    out.push(b'/');
                    out.extend_from_slice(name);
                }
            }
        }
    }
    if out.is_empty() {
        out.push(b'/');
    }
    Ok(out)
}

/// The path of the file `name` in directory `directory`; the directory's own for no name.
///
/// # Errors
/// A path that is too long, no memory.
pub(crate) fn join(directory: &[u8], name: &[u8]) -> Result<Vec<u8>, Error> {
    let most = directory.len() + 1 + name.len();
    if most > PATH_MAX {
        return Err(Error::Os(ENAMETOOLONG));
    }
    let mut out = Vec::new();
    out.try_reserve_exact(most).map_err(|_| Error::Os(ENOMEM))?;
    out.extend_from_slice(directory);
    if !name.is_empty() && !out.ends_with(b"/") {
        out.push(b'/');
    }
    out.extend_from_slice(name);
    Ok(out)
}

/// The last component of an absolute path; empty for the root.
pub(crate) fn last_component(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or_default()
}
