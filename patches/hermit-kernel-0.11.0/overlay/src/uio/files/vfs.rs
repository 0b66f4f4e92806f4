//! The kernel's own file systems, by their VFS.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::mem::MaybeUninit;

use num::ToPrimitive;
use uio_console::record::{Entry, Kind, Stat};
use uio_core::files::{Error, File, Open, Visit};

use crate::errno::{EEXIST, EINVAL, EIO, EISDIR, ENOENT, ENOTDIR};
use crate::executor::block_on;
use crate::fd::{AccessPermission, ObjectInterface, OpenOption};
use crate::fs::{FileAttr, Filesystem, SeekWhence};
use crate::io;

/// The tree of the kernel. Paths are absolute.
pub(super) struct Vfs;

fn tree() -> Result<&'static Filesystem, Error> {
	super::root().map_err(plain)
}

/// The kernel's error as a Linux error number. Its file system in memory calls a path that leads
/// nowhere a bad file descriptor.
fn on_path(err: io::Error) -> Error {
	match err {
		io::Error::EBADF => Error::Os(ENOENT),
		err => plain(err),
	}
}

fn plain(err: io::Error) -> Error {
	Error::Os(err.to_i32().unwrap_or(EIO))
}

fn stat_of(attr: &FileAttr) -> Stat {
	let mode = attr.st_mode.bits();
	let modified = &attr.st_mtim;
	let seconds = u64::try_from(modified.tv_sec).unwrap_or(0);
	let nanoseconds = u64::try_from(modified.tv_nsec).unwrap_or(0);
	Stat {
		kind: match mode & AccessPermission::S_IFMT.bits() {
			0o100_000 => Kind::File,
			0o040_000 => Kind::Directory,
			0o120_000 => Kind::Link,
			_ => Kind::Other,
		},
		mode: mode & 0o7777,
		size: u64::try_from(attr.st_size).unwrap_or(0),
		modified_ns: seconds.saturating_mul(1_000_000_000) + nanoseconds,
		inode: attr.st_ino,
		links: u32::try_from(attr.st_nlink).unwrap_or(0),
		uid: attr.st_uid,
		gid: attr.st_gid,
	}
}

/// The root directory, of which the VFS itself says nothing.
const ROOT: Stat = Stat {
	kind: Kind::Directory,
	mode: 0o777,
	size: 0,
	modified_ns: 0,
	inode: 0,
	links: 0,
	uid: 0,
	gid: 0,
};

impl Vfs {
	pub(super) fn open(&self, path: &str, how: Open) -> Result<Box<dyn File>, Error> {
		let exists = match self.stat(path) {
			Ok(stat) if stat.kind == Kind::Directory && how.write => {
				return Err(Error::Os(EISDIR));
			}
			Ok(_) => true,
			Err(Error::Os(ENOENT)) => false,
			Err(err) => return Err(err),
		};
		if exists && how.exclusive && how.create.is_some() {
			return Err(Error::Os(EEXIST));
		}
		if exists && how.truncate {
			// The file system in memory does not truncate: a fresh file takes the place.
			let mode = self.stat(path)?.mode;
			tree()?.unlink(path).map_err(on_path)?;
			return self.open_object(path, OpenOption::O_RDWR | OpenOption::O_CREAT, mode);
		}
		let mut option = match (how.read, how.write) {
			(_, false) => OpenOption::O_RDONLY,
			(false, true) => OpenOption::O_WRONLY,
			(true, true) => OpenOption::O_RDWR,
		};
		if how.create.is_some() {
			option |= OpenOption::O_CREAT;
		}
		self.open_object(path, option, how.create.unwrap_or(0))
	}

	fn open_object(
		&self,
		path: &str,
		option: OpenOption,
		mode: u32,
	) -> Result<Box<dyn File>, Error> {
		let mode = AccessPermission::from_bits_retain(mode);
		let object = tree()?.open(path, option, mode).map_err(on_path)?;
		Ok(Box::new(Object {
			object,
			position: 0,
		}))
	}

	pub(super) fn stat(&self, path: &str) -> Result<Stat, Error> {
		if path == "/" {
			return Ok(ROOT);
		}
		let attr = tree()?.stat(path).map_err(on_path)?;
		Ok(stat_of(&attr))
	}

	pub(super) fn list(&self, path: &str, stats: bool, each: &mut Visit<'_>) -> Result<(), Error> {
		if self.stat(path)?.kind != Kind::Directory {
			return Err(Error::Os(ENOTDIR));
		}
		let mut child = String::new();
		for entry in tree()?.readdir(path).map_err(on_path)? {
			if entry.name.is_empty() {
				// Left in `/` by an application that made a directory with all its parents.
				continue;
			}
			child.clear();
			if path != "/" {
				child.push_str(path);
			}
			child.push('/');
			child.push_str(&entry.name);
			// Directories here tell names only. Mount points have nothing to say of themselves.
			let stat = self.stat(&child).unwrap_or(ROOT);
			if !each(&Entry {
				name: entry.name.as_bytes(),
				kind: stat.kind,
				stat: stats.then_some(stat),
			}) {
				break;
			}
		}
		Ok(())
	}

	pub(super) fn mkdir(&self, path: &str, mode: u32) -> Result<(), Error> {
		if self.stat(path).is_ok() {
			return Err(Error::Os(EEXIST));
		}
		let mode = AccessPermission::from_bits_retain(mode);
		tree()?.mkdir(path, mode).map_err(on_path)
	}

	pub(super) fn rmdir(&self, path: &str) -> Result<(), Error> {
		if path == "/" {
			return Err(Error::Os(EINVAL));
		}
		tree()?.rmdir(path).map_err(on_path)
	}

	pub(super) fn unlink(&self, path: &str) -> Result<(), Error> {
		tree()?.unlink(path).map_err(on_path)
	}
}

/// An open file of the VFS, which knows a position but no reads at an offset.
struct Object {
	object: Arc<dyn ObjectInterface>,
	position: u64,
}

impl Object {
	/// Moves the position. Never beyond the end: the file system in memory would grow the file.
	fn seek(&mut self, offset: u64) -> Result<(), Error> {
		if self.position == offset {
			return Ok(());
		}
		let to = isize::try_from(offset).map_err(|_| Error::Os(EINVAL))?;
		block_on(self.object.lseek(to, SeekWhence::Set), None).map_err(plain)?;
		self.position = offset;
		Ok(())
	}
}

impl File for Object {
	fn read_at(&mut self, offset: u64, out: &mut [u8]) -> Result<usize, Error> {
		if self.position != offset && offset >= self.stat()?.size {
			return Ok(0);
		}
		self.seek(offset)?;
		let len = out.len();
		// SAFETY: initialised bytes are valid as possibly uninitialised ones, and what `read` puts
		// there is initialised.
		let out = unsafe {
			core::slice::from_raw_parts_mut(out.as_mut_ptr().cast::<MaybeUninit<u8>>(), len)
		};
		let read = block_on(self.object.read(out), None).map_err(plain)?;
		self.position += read as u64;
		Ok(read)
	}

	fn write_at(&mut self, offset: u64, data: &[u8]) -> Result<usize, Error> {
		self.seek(offset)?;
		let written = block_on(self.object.write(data), None).map_err(plain)?;
		self.position += written as u64;
		Ok(written)
	}

	fn stat(&mut self) -> Result<Stat, Error> {
		let attr = block_on(self.object.fstat(), None).map_err(plain)?;
		Ok(stat_of(&attr))
	}

	fn sync(&mut self) -> Result<(), Error> {
		Ok(())
	}
}
