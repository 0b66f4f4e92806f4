//! Copying and removing trees of files, for `cp`, `mv` and `rm`.

use alloc::vec::Vec;

use uio_console::record::{Kind, Record, Stat};

use super::{
    Context, FAILED, FIRST_READ, Flags, Options, READ, Stop, Trouble, absolute, buffer,
    copy_buffer, join, last_component,
};
use crate::files::{Error, File, Open};

/// The deepest tree that is walked.
const MAX_DEPTH: usize = 32;
/// How many bytes are copied between two records of progress.
const PROGRESS: u64 = 4 << 20;

/// Linux error numbers.
const EPERM: i32 = 1;
const EIO: i32 = 5;
const ENOMEM: i32 = 12;
const EEXIST: i32 = 17;
const EISDIR: i32 = 21;
const ENOTDIR: i32 = 20;
const EINVAL: i32 = 22;
const ELOOP: i32 = 40;

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
    let stat = cx.files().stat(from)?;
    if stat.kind == Kind::Directory && !recursive {
        return Err(Trouble::Here(EISDIR));
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
        return Err(Trouble::Here(ELOOP));
    }
    let files = cx.files();
    match files.mkdir(to, stat.mode & 0o777 | 0o700) {
        Ok(()) | Err(Error::Os(EEXIST)) => {}
        Err(error) => return Err(Trouble::target(error)),
    }
    let names = names(cx, from)?;
    for (_, name) in Names(&names) {
        cx.check()?;
        let from = join(from, name)?;
        let to = join(to, name).map_err(Trouble::target)?;
        let stat = files.stat(&from)?;
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
    let write = Open {
        write: true,
        create: Some(stat.mode & 0o777),
        truncate: true,
        ..Open::default()
    };
    let mut bytes = buffer(FIRST_READ)?;
    let mut source = cx.files().open(from, READ)?;
    // The target is cut only after the source could be read.
    let mut len = source.read_at(0, &mut bytes)?;
    let mut target = cx.files().open(to, write).map_err(Trouble::target)?;
    let mut offset = 0;
    while len != 0 {
        cx.check()?;
        let data = bytes.get(..len).unwrap_or(&bytes);
        write_all(&mut *target, offset, data).map_err(Trouble::target)?;
        progress.add(cx, data.len())?;
        offset += data.len() as u64;
        if bytes.len() == FIRST_READ
            && len == FIRST_READ
            && let Ok(larger) = copy_buffer()
        {
            bytes = larger;
        }
        len = source.read_at(offset, &mut bytes)?;
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
        removed => Ok(removed?),
    }
}

fn remove_directory(cx: &mut Context<'_>, path: &[u8], depth: usize) -> Result<(), Trouble> {
    if depth == 0 {
        return Err(Trouble::Here(ELOOP));
    }
    let files = cx.files();
    let names = names(cx, path)?;
    for (directory, name) in Names(&names) {
        cx.check()?;
        let path = join(path, name)?;
        if directory {
            remove_directory(cx, &path, depth - 1)?;
        } else {
            files.unlink(&path)?;
        }
    }
    Ok(files.rmdir(path)?)
}

/// The names in a directory, each after a byte that is 1 for a directory and followed by a zero.
fn names(cx: &Context<'_>, path: &[u8]) -> Result<Vec<u8>, Error> {
    let mut names: Vec<u8> = Vec::new();
    let mut room = true;
    cx.files().list(path, false, &mut |entry| {
        room = names.try_reserve(entry.name.len() + 2).is_ok();
        if room {
            names.push((entry.kind == Kind::Directory).into());
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

/// Where `cp` and `mv` put things.
pub(crate) struct Target {
    /// How many operands come before it.
    pub(crate) sources: usize,
    /// Index of its argument.
    pub(crate) index: u8,
    path: Vec<u8>,
    /// It is a directory, which receives the sources.
    into: bool,
}

impl Target {
    /// The last operand, of at least two.
    pub(crate) fn new(
        cx: &mut Context<'_>,
        spec: &'static [u8],
        flags: Flags,
    ) -> Result<Self, Stop> {
        let sources = usize::from(flags.operands).saturating_sub(1);
        let last = Options::operands(cx.argv(), spec).nth(sources);
        let (given, index) = last.unwrap_or_default();
        let mut refused = Error::Os(ENOTDIR);
        match absolute(cx.files(), given) {
            Ok(path) => {
                let stat = cx.files().stat(&path);
                let into = stat.is_ok_and(|stat| stat.kind == Kind::Directory);
                if into || sources == 1 && !given.ends_with(b"/") {
                    return Ok(Self {
                        sources,
                        index,
                        path,
                        into,
                    });
                }
            }
            Err(error) => refused = error,
        }
        cx.file_failure(index, refused)?;
        Err(Stop::Status(FAILED))
    }

    /// The path of a source and of where it goes. It must go neither onto nor into itself.
    #[inline(never)]
    pub(crate) fn of(
        &self,
        cx: &Context<'_>,
        source: &[u8],
    ) -> Result<(Vec<u8>, Vec<u8>), Trouble> {
        let from = cx.absolute(source)?;
        let name = match self.into {
            true => last_component(&from),
            false => b"",
        };
        let to = join(&self.path, name).map_err(Trouble::target)?;
        let nameless = self.into && name.is_empty();
        if nameless || inside(&from, &to) || same_file(cx, &from, &to) {
            return Err(Trouble::Target(EINVAL));
        }
        Ok((from, to))
    }
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
    let (Ok(one), Ok(other)) = (files.stat(a), files.stat(b)) else {
        return false;
    };
    let share = files.share().0.as_bytes();
    one.inode != 0
        && one.inode == other.inode
        && one.size == other.size
        && one.modified_ns == other.modified_ns
        && inside(share, a) == inside(share, b)
}
