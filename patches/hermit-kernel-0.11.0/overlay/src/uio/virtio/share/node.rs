//! The share as a directory of the kernel's VFS, for the application's `std::fs`.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::fmt;
use core::mem::MaybeUninit;

use async_trait::async_trait;
use hermit_sync::InterruptTicketMutex;
use num::{FromPrimitive, ToPrimitive};
use uio_9p::error::Error;
use uio_9p::fs::{File, Follow, Mount, Stat};
use uio_9p::types::flags::{O_DIRECTORY, O_RDONLY};

use crate::errno::EIO;
use crate::fd::{AccessPermission, ObjectInterface, OpenOption};
use crate::fs::{DirectoryEntry, FileAttr, NodeKind, SeekWhence, VfsNode};
use crate::io;
use crate::time::timespec;

/// The root of the share, for the VFS.
pub(super) fn directory() -> Box<dyn VfsNode + Send + Sync> {
	Box::new(Directory)
}

/// The error as the kernel has it.
fn from_share(err: Error) -> io::Error {
	io::Error::from_i32(err.errno().0).unwrap_or(io::Error::EIO)
}

/// The Linux number of a kernel's error.
pub(super) fn number(err: &io::Error) -> i32 {
	err.to_i32().unwrap_or(EIO)
}

fn mount() -> io::Result<&'static Mount> {
	match super::get() {
		Ok(share) => Ok(&share.0),
		Err(_) => Err(io::Error::ENODEV),
	}
}

/// A path inside the share from the VFS's components, which are in reverse order.
fn path(components: &[&str]) -> String {
	let mut path = String::new();
	for component in components.iter().rev().filter(|name| !name.is_empty()) {
		if !path.is_empty() {
			path.push('/');
		}
		path.push_str(component);
	}
	path
}

fn attributes(stat: &Stat) -> FileAttr {
	let time = |time: &uio_9p::types::Time| timespec {
		tv_sec: i64::try_from(time.sec).unwrap_or(i64::MAX),
		tv_nsec: i32::try_from(time.nsec).unwrap_or(0),
	};
	let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
	FileAttr {
		st_dev: 0,
		st_ino: stat.qid.path,
		st_nlink: stat.nlink,
		st_mode: AccessPermission::from_bits_retain(stat.mode),
		st_uid: stat.uid,
		st_gid: stat.gid,
		st_rdev: stat.rdev,
		st_size: signed(stat.size),
		st_blksize: signed(stat.blksize),
		st_blocks: signed(stat.blocks),
		st_atim: time(&stat.atime),
		st_mtim: time(&stat.mtime),
		st_ctim: time(&stat.ctime),
	}
}

/// The mount point.
#[derive(Debug)]
struct Directory;

impl VfsNode for Directory {
	fn get_kind(&self) -> NodeKind {
		NodeKind::Directory
	}

	fn get_file_attributes(&self) -> io::Result<FileAttr> {
		self.traverse_stat(&mut Vec::new())
	}

	fn get_object(&self) -> io::Result<Arc<dyn ObjectInterface>> {
		self.traverse_open(
			&mut Vec::new(),
			OpenOption::O_DIRECTORY,
			AccessPermission::empty(),
		)
	}

	fn traverse_mkdir(&self, components: &mut Vec<&str>, mode: AccessPermission) -> io::Result<()> {
		mount()?
			.mkdir(path(components).as_bytes(), mode.bits() & 0o7777)
			.map_err(from_share)
	}

	fn traverse_rmdir(&self, components: &mut Vec<&str>) -> io::Result<()> {
		mount()?
			.rmdir(path(components).as_bytes())
			.map_err(from_share)
	}

	fn traverse_unlink(&self, components: &mut Vec<&str>) -> io::Result<()> {
		mount()?
			.unlink(path(components).as_bytes())
			.map_err(from_share)
	}

	fn traverse_readdir(&self, components: &mut Vec<&str>) -> io::Result<Vec<DirectoryEntry>> {
		let directory = mount()?
			.open(path(components).as_bytes(), O_RDONLY | O_DIRECTORY, 0)
			.map_err(from_share)?;
		entries(&directory)
	}

	fn traverse_lstat(&self, components: &mut Vec<&str>) -> io::Result<FileAttr> {
		stat(components, Follow::No)
	}

	fn traverse_stat(&self, components: &mut Vec<&str>) -> io::Result<FileAttr> {
		stat(components, Follow::Yes)
	}

	fn traverse_open(
		&self,
		components: &mut Vec<&str>,
		option: OpenOption,
		mode: AccessPermission,
	) -> io::Result<Arc<dyn ObjectInterface>> {
		// The flags of the kernel are those of Linux, and so are those of 9P2000.L.
		let flags = (option - OpenOption::O_NONBLOCK - OpenOption::O_DIRECT).bits() as u32;
		let file = mount()?
			.open(path(components).as_bytes(), flags, mode.bits() & 0o7777)
			.map_err(from_share)?;
		Ok(OpenFile::new(file))
	}
}

fn stat(components: &[&str], follow: Follow) -> io::Result<FileAttr> {
	mount()?
		.stat(path(components).as_bytes(), follow)
		.map(|stat| attributes(&stat))
		.map_err(from_share)
}

fn entries(directory: &File) -> io::Result<Vec<DirectoryEntry>> {
	let mut entries = Vec::new();
	directory
		.readdir(&mut |entry| {
			// The VFS has strings for names; what is none is shown as near as it can be.
			let name = String::from_utf8_lossy(entry.name).into_owned();
			entries.push(DirectoryEntry::new(name));
			Ok(())
		})
		.map_err(from_share)?;
	Ok(entries)
}

/// An open file or directory of the share.
pub(super) struct OpenFile {
	file: File,
	position: InterruptTicketMutex<u64>,
}

/// The open files, to find one again by its object.
static OPEN: InterruptTicketMutex<Vec<Weak<OpenFile>>> = InterruptTicketMutex::new(Vec::new());

impl OpenFile {
	fn new(file: File) -> Arc<Self> {
		let file = Arc::new(Self {
			file,
			position: InterruptTicketMutex::new(0),
		});
		let mut open = OPEN.lock();
		open.retain(|file| file.strong_count() > 0);
		open.push(Arc::downgrade(&file));
		drop(open);
		file
	}

	/// The open file that `object` is, if it is one.
	pub(super) fn of(object: &Arc<dyn ObjectInterface>) -> Option<Arc<Self>> {
		let wanted = Arc::as_ptr(object).cast::<()>();
		let open = OPEN.lock();
		open.iter()
			.filter_map(Weak::upgrade)
			.find(|file| Arc::as_ptr(file).cast::<()>() == wanted)
	}

	pub(super) fn set_len(&self, len: u64) -> Result<(), Error> {
		self.file.set_len(len)
	}

	pub(super) fn sync(&self) -> Result<(), Error> {
		self.file.fsync()
	}
}

impl fmt::Debug for OpenFile {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str("OpenFile")
	}
}

#[async_trait]
impl ObjectInterface for OpenFile {
	async fn read(&self, buf: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
		buf.fill(MaybeUninit::new(0));
		// SAFETY: every byte was just initialised.
		let buf = unsafe { &mut *(&raw mut *buf as *mut [u8]) };
		let position = *self.position.lock();
		let read = self.file.read_at(buf, position).map_err(from_share)?;
		*self.position.lock() = position + read as u64;
		Ok(read)
	}

	async fn write(&self, buf: &[u8]) -> io::Result<usize> {
		let position = *self.position.lock();
		let written = self.file.write_at(buf, position).map_err(from_share)?;
		*self.position.lock() = position + written as u64;
		Ok(written)
	}

	async fn lseek(&self, offset: isize, whence: SeekWhence) -> io::Result<isize> {
		let from = match whence {
			SeekWhence::Set => 0,
			SeekWhence::Cur => *self.position.lock(),
			SeekWhence::End => self.file.stat().map_err(from_share)?.size,
			_ => return Err(io::Error::EINVAL),
		};
		let to = from
			.checked_add_signed(offset as i64)
			.ok_or(io::Error::EINVAL)?;
		*self.position.lock() = to;
		isize::try_from(to).map_err(|_| io::Error::EOVERFLOW)
	}

	async fn fstat(&self) -> io::Result<FileAttr> {
		self.file
			.stat()
			.map(|stat| attributes(&stat))
			.map_err(from_share)
	}

	async fn readdir(&self) -> io::Result<Vec<DirectoryEntry>> {
		entries(&self.file)
	}
}
