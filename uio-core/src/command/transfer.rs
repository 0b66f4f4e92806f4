//! Copying and removing trees of files, for `cp`, `mv` and `rm`.

use alloc::vec::Vec;

use uio_console::record::{Kind, Record, Stat};

use super::{Context, Stop, buffer, copy_buffer, join};
use crate::files::{Error, File, Open};

/// The deepest tree that is walked.
const MAX_DEPTH: usize = 32;
/// How many bytes are copied between two records of progress.
const PROGRESS: u64 = 4 << 20;
/// The first read of a file; most are not longer.
const FIRST: usize = 4096;

/// Linux error numbers.
pub(crate) const EPERM: i32 = 1;
pub(crate) const EIO: i32 = 5;
pub(crate) const ENOMEM: i32 = 12;
pub(crate) const EEXIST: i32 = 17;
pub(crate) const EISDIR: i32 = 21;
pub(crate) const EINVAL: i32 = 22;
pub(crate) const ELOOP: i32 = 40;

/// Why a transfer failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// At the source, or at what is removed.
    Source(Error),
    /// At the destination.
    Target(Error),
    /// The request ends.
    Stop(Stop),
}

impl From<Stop> for Trouble {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// Bytes copied so far, and how many of them the host has heard of.
#[derive(Default)]
pub(crate) struct Progress {
    bytes: u64,
    told: u64,
}

impl Progress {
    fn add(&mut self, cx: &mut Context<'_>, bytes: usize) -> Result<(), Stop> {
        self.bytes += bytes as u64;
        if self.bytes - self.told >= PROGRESS {
            self.tell(cx)?;
        }
        Ok(())
    }

    /// Tells the host how many bytes were copied.
    pub(crate) fn tell(&mut self, cx: &mut Context<'_>) -> Result<(), Stop> {
        self.told = self.bytes;
        cx.record(&Record::Copied { bytes: self.bytes })
    }
}

/// Copies a file, or with `recursive` a directory with all that is in it.
pub(crate) fn copy(
    cx: &mut Context<'_>,
    from: &[u8],
    to: &[u8],
    recursive: bool,
    progress: &mut Progress,
) -> Result<(), Trouble> {
    let stat = cx.files().stat(from).map_err(Trouble::Source)?;
    if stat.kind == Kind::Directory && !recursive {
        return Err(Trouble::Source(Error::Os(EISDIR)));
    }
    copy_below(cx, from, to, &stat, progress, MAX_DEPTH)
}

fn copy_below(
    cx: &mut Context<'_>,
    from: &[u8],
    to: &[u8],
    stat: &Stat,
    progress: &mut Progress,
    depth: usize,
) -> Result<(), Trouble> {
    if stat.kind != Kind::Directory {
        return copy_file(cx, from, to, stat, progress);
    }
    if depth == 0 {
        return Err(Trouble::Source(Error::Os(ELOOP)));
    }
    let files = cx.files();
    match files.mkdir(to, stat.mode & 0o777 | 0o700) {
        Ok(()) | Err(Error::Os(EEXIST)) => {}
        Err(error) => return Err(Trouble::Target(error)),
    }
    let names = names(cx, from).map_err(Trouble::Source)?;
    for (_, name) in Names(&names) {
        cx.check()?;
        let from = join(from, name).map_err(Trouble::Source)?;
        let to = join(to, name).map_err(Trouble::Target)?;
        let stat = files.stat(&from).map_err(Trouble::Source)?;
        copy_below(cx, &from, &to, &stat, progress, depth - 1)?;
    }
    Ok(())
}

fn copy_file(
    cx: &mut Context<'_>,
    from: &[u8],
    to: &[u8],
    stat: &Stat,
    progress: &mut Progress,
) -> Result<(), Trouble> {
    let read = Open {
        read: true,
        ..Open::default()
    };
    let write = Open {
        write: true,
        create: Some(stat.mode & 0o777),
        truncate: true,
        ..Open::default()
    };
    let no_memory = Trouble::Target(Error::Os(ENOMEM));
    let mut bytes = buffer(FIRST).ok_or(no_memory)?;
    let mut source = cx.files().open(from, read).map_err(Trouble::Source)?;
    // The target is cut only after the source could be read.
    let mut len = source.read_at(0, &mut bytes).map_err(Trouble::Source)?;
    let mut target = cx.files().open(to, write).map_err(Trouble::Target)?;
    let mut offset = 0;
    while len != 0 {
        cx.check()?;
        let data = bytes.get(..len).unwrap_or(&bytes);
        write_all(&mut *target, offset, data).map_err(Trouble::Target)?;
        progress.add(cx, data.len())?;
        offset += data.len() as u64;
        if bytes.len() == FIRST && len == FIRST {
            bytes = copy_buffer().ok_or(no_memory)?;
        }
        len = source
            .read_at(offset, &mut bytes)
            .map_err(Trouble::Source)?;
    }
    Ok(())
}

/// Writes all of `data`, however short the single writes come.
fn write_all(file: &mut dyn File, mut offset: u64, mut data: &[u8]) -> Result<(), Error> {
    while !data.is_empty() {
        let written = file.write_at(offset, data)?;
        if written == 0 {
            return Err(Error::Os(EIO));
        }
        offset += written as u64;
        data = data.get(written..).unwrap_or_default();
    }
    Ok(())
}

/// Removes a file, or with `recursive` a directory with all that is in it.
pub(crate) fn remove(cx: &mut Context<'_>, path: &[u8], recursive: bool) -> Result<(), Trouble> {
    let depth = if recursive { MAX_DEPTH } else { 0 };
    match cx.files().unlink(path) {
        Err(Error::Os(EISDIR | EPERM)) if recursive => remove_directory(cx, path, depth),
        removed => removed.map_err(Trouble::Source),
    }
}

fn remove_directory(cx: &mut Context<'_>, path: &[u8], depth: usize) -> Result<(), Trouble> {
    if depth == 0 {
        return Err(Trouble::Source(Error::Os(ELOOP)));
    }
    let files = cx.files();
    let names = names(cx, path).map_err(Trouble::Source)?;
    for (directory, name) in Names(&names) {
        cx.check()?;
        let path = join(path, name).map_err(Trouble::Source)?;
        if directory {
            remove_directory(cx, &path, depth - 1)?;
        } else {
            files.unlink(&path).map_err(Trouble::Source)?;
        }
    }
    files.rmdir(path).map_err(Trouble::Source)
}

/// The names in a directory, each after a byte that is 1 for a directory and followed by a zero.
fn names(cx: &Context<'_>, path: &[u8]) -> Result<Vec<u8>, Error> {
    let mut names: Vec<u8> = Vec::new();
    let mut room = true;
    cx.files().list(path, &mut |entry| {
        room = names.try_reserve(entry.name.len() + 2).is_ok();
        if room {
            names.push((entry.stat.kind == Kind::Directory).into());
            names.extend_from_slice(entry.name);
            names.push(0);
        }
        room
    })?;
    if room {
        Ok(names)
    } else {
        Err(Error::Os(ENOMEM))
    }
}

/// Iterates over what [`names`] gave.
struct Names<'a>(&'a [u8]);

impl<'a> Iterator for Names<'a> {
    type Item = (bool, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&directory, rest) = self.0.split_first()?;
        let end = rest.iter().position(|&byte| byte == 0)?;
        self.0 = rest.get(end + 1..).unwrap_or_default();
        Some((directory != 0, rest.get(..end)?))
    }
}

/// Where `from` goes when it is copied or moved to `to`: into it if that is a directory.
pub(crate) fn target(
    cx: &Context<'_>,
    from: &[u8],
    to: &[u8],
    into: bool,
) -> Result<Vec<u8>, Error> {
    let name = match into {
        true => super::last_component(from),
        false => b"",
    };
    if into && name.is_empty() {
        return Err(Error::Os(EINVAL));
    }
    let mut path = if into {
        join(to, name)?
    } else {
        join(b"", to)?
    };
    if !into {
        path.drain(..path.len() - to.len());
    }
    if same_file(cx, from, &path) || inside(from, &path) {
        return Err(Error::Os(EINVAL));
    }
    Ok(path)
}

/// Whether `path` lies below the directory `directory`.
fn inside(directory: &[u8], path: &[u8]) -> bool {
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.first() == Some(&b'/') || directory == b"/")
}

/// Whether two paths lead to one file. Inode numbers are compared within a file system only, and
/// a file system without them gives 0.
fn same_file(cx: &Context<'_>, a: &[u8], b: &[u8]) -> bool {
    if a == b {
        return true;
    }
    let files = cx.files();
    let (share, _) = files.share();
    let shared = |path: &[u8]| path == share.as_bytes() || inside(share.as_bytes(), path);
    match (files.stat(a), files.stat(b)) {
        (Ok(one), Ok(other)) => one.inode != 0 && one == other && shared(a) == shared(b),
        _ => false,
    }
}
