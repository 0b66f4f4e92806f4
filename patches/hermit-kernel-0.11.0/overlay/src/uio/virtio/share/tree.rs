//! The share as the overlay uses it.

use alloc::boxed::Box;

use uio_9p::error::Error as NineError;
use uio_9p::fs::{self, Follow, Mount};
use uio_9p::types::flags::{O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY};
use uio_console::record::{Entry, Kind, Stat};
use uio_core::files::{Error, File, Open, Visit};

/// The share. Paths are relative to its root.
pub(in crate::uio) struct Share(pub(super) Mount);

fn os(err: NineError) -> Error {
	Error::Os(err.errno().0)
}

/// The kind behind a type as `d_type` of `readdir(3)` has it, and a mode from bit 12 on.
fn kind_of(file_type: u32) -> Kind {
	match file_type {
		8 => Kind::File,
		4 => Kind::Directory,
		10 => Kind::Link,
		_ => Kind::Other,
	}
}

/// What a directory says of an entry's kind; nothing where the server's own directory does not know.
fn kind_in(entry: &fs::Entry<'_>) -> Option<Kind> {
	match entry.kind {
		0 if entry.qid.is_dir() => Some(Kind::Directory),
		0 if entry.qid.is_symlink() => Some(Kind::Link),
		0 => None,
		file_type => Some(kind_of(file_type.into())),
	}
}

/// What the server says of a file, as the overlay has it.
fn stat_of(stat: &fs::Stat) -> Stat {
	Stat {
		kind: kind_of(stat.mode >> 12),
		mode: stat.mode & 0o7777,
		size: stat.size,
		modified_ns: stat
			.mtime
			.sec
			.saturating_mul(1_000_000_000)
			.saturating_add(stat.mtime.nsec),
		inode: stat.qid.path,
		links: u32::try_from(stat.nlink).unwrap_or(u32::MAX),
		uid: stat.uid,
		gid: stat.gid,
	}
}

impl Share {
	pub(in crate::uio) fn open(&self, path: &str, how: Open) -> Result<Box<dyn File>, Error> {
		let mut flags = match (how.read, how.write) {
			(_, false) => O_RDONLY,
			(false, true) => O_WRONLY,
			(true, true) => O_RDWR,
		};
		for (wanted, flag) in [
			(how.create.is_some(), O_CREAT),
			(how.exclusive, O_EXCL),
			(how.truncate, O_TRUNC),
		] {
			if wanted {
				flags |= flag;
			}
		}
		let mode = how.create.unwrap_or(0);
		let file = self.0.open(path.as_bytes(), flags, mode).map_err(os)?;
		Ok(Box::new(Opened(file)))
	}

	pub(in crate::uio) fn stat(&self, path: &str) -> Result<Stat, Error> {
		let stat = self.0.stat(path.as_bytes(), Follow::Yes).map_err(os)?;
		Ok(stat_of(&stat))
	}

	pub(in crate::uio) fn list(
		&self,
		path: &str,
		stats: bool,
		each: &mut Visit<'_>,
	) -> Result<(), Error> {
		let mut stopped = false;
		let mut child = path.as_bytes().to_vec();
		if !child.is_empty() {
			child.push(b'/');
		}
		let parent = child.len();
		let result = self.0.readdir(path.as_bytes(), &mut |entry| {
			let (kind, stat) = match kind_in(entry) {
				Some(kind) if !stats => (kind, None),
				_ => {
					child.truncate(parent);
					child.extend_from_slice(entry.name);
					// An entry that went away in between is not there.
					let Ok(stat) = self.0.stat(&child, Follow::No) else {
						return Ok(());
					};
					let stat = stat_of(&stat);
					(stat.kind, stats.then_some(stat))
				}
			};
			let name = entry.name;
			if each(&Entry { name, kind, stat }) {
				return Ok(());
			}
			stopped = true;
			Err(NineError::BadValue)
		});
		match result {
			Err(_) if stopped => Ok(()),
			result => result.map_err(os),
		}
	}

	pub(in crate::uio) fn mkdir(&self, path: &str, mode: u32) -> Result<(), Error> {
		self.0.mkdir(path.as_bytes(), mode).map_err(os)
	}

	pub(in crate::uio) fn rmdir(&self, path: &str) -> Result<(), Error> {
		self.0.rmdir(path.as_bytes()).map_err(os)
	}

	pub(in crate::uio) fn unlink(&self, path: &str) -> Result<(), Error> {
		self.0.unlink(path.as_bytes()).map_err(os)
	}

	pub(in crate::uio) fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
		self.0
			.rename(from.as_bytes(), to.as_bytes())
			.map_err(os)
	}
}

/// An open file of the share.
struct Opened(fs::File);

impl File for Opened {
	fn read_at(&mut self, offset: u64, out: &mut [u8]) -> Result<usize, Error> {
		self.0.read_at(out, offset).map_err(os)
	}

	fn write_at(&mut self, offset: u64, data: &[u8]) -> Result<usize, Error> {
		self.0.write_at(data, offset).map_err(os)
	}

	fn stat(&mut self) -> Result<Stat, Error> {
		self.0.stat().map(|stat| stat_of(&stat)).map_err(os)
	}

	fn sync(&mut self) -> Result<(), Error> {
		self.0.fsync().map_err(os)
	}
}
