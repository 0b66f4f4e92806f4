//! Files: the share by its own driver, everything else by the kernel's VFS.
//!
//! The overlay goes to the share directly and not through the VFS, whose directories stay locked
//! while one of their mounts is asked: the application must not wait for the overlay's transfers.

mod path;
mod vfs;

use alloc::boxed::Box;

use hermit_sync::OnceCell;
use uio_console::record::Stat;
use uio_core::files::{Error, File, Files, Open, Visit};

use self::path::Path;
use self::vfs::Vfs;
use crate::env;
use crate::errno::{EBUSY, EXDEV};
use crate::fs::{FILESYSTEM, Filesystem};
use crate::io;

/// Where the share is mounted unless `UIO_MOUNT` says otherwise.
const DEFAULT_MOUNT: &str = "/uio";

/// The kernel's file systems.
pub(super) fn root() -> io::Result<&'static Filesystem> {
	FILESYSTEM.get().ok_or(io::Error::EIO)
}

/// Every file that the overlay can name.
pub(super) struct AllFiles;

/// The mount point: absolute, without `.`, `..`, doubled or trailing slashes.
static MOUNT: OnceCell<Path> = OnceCell::new();

/// Mounts the share. The device itself is started at the first use.
pub(super) fn init() {
	let wanted = env::var("UIO_MOUNT").map_or(DEFAULT_MOUNT, |path| path.as_str());
	let mount = match Path::new(wanted.as_bytes()) {
		Ok(path) if !path.is_root() => path,
		_ => {
			error!("uio: {wanted} cannot be a mount point, the share goes to {DEFAULT_MOUNT}");
			let Ok(path) = Path::new(DEFAULT_MOUNT.as_bytes()) else {
				return;
			};
			path
		}
	};
	#[cfg(feature = "uio-virtio")]
	super::virtio::share::mount(mount.as_str());
	let _ = MOUNT.set(mount);
}

/// Which file system a path belongs to.
enum Place<'a> {
	/// The share; the path relative to its root, without a leading slash.
	Share(&'a str),
	/// The kernel's VFS.
	Vfs(&'a str),
}

fn place(path: &Path) -> Place<'_> {
	match MOUNT.get().and_then(|mount| path.below(mount)) {
		Some(inside) => Place::Share(inside),
		None => Place::Vfs(path.as_str()),
	}
}

/// Calls `$call` on the file system of a path, with the path as that file system has it.
macro_rules! with {
	($path:expr, |$files:ident, $inside:ident| $call:expr) => {{
		let path = Path::new($path)?;
		match place(&path) {
			Place::Share($inside) => {
				let $files = share()?;
				$call
			}
			Place::Vfs($inside) => {
				let $files = &Vfs;
				$call
			}
		}
	}};
}

#[cfg(feature = "uio-virtio")]
fn share() -> Result<&'static super::virtio::share::Share, Error> {
	super::virtio::share::get()
}

#[cfg(not(feature = "uio-virtio"))]
fn share() -> Result<&'static Vfs, Error> {
	Err(Error::NoShare)
}

impl Files for AllFiles {
	fn open(&self, path: &[u8], how: Open) -> Result<Box<dyn File>, Error> {
		with!(path, |files, inside| files.open(inside, how))
	}

	fn stat(&self, path: &[u8]) -> Result<Stat, Error> {
		with!(path, |files, inside| files.stat(inside))
	}

	fn list(&self, path: &[u8], stats: bool, each: &mut Visit<'_>) -> Result<(), Error> {
		with!(path, |files, inside| files.list(inside, stats, each))
	}

	fn mkdir(&self, path: &[u8], mode: u32) -> Result<(), Error> {
		with!(path, |files, inside| files.mkdir(inside, mode))
	}

	fn rmdir(&self, path: &[u8]) -> Result<(), Error> {
		let absolute = Path::new(path)?;
		if MOUNT.get() == Some(&absolute) {
			return Err(Error::Os(EBUSY));
		}
		with!(path, |files, inside| files.rmdir(inside))
	}

	fn unlink(&self, path: &[u8]) -> Result<(), Error> {
		with!(path, |files, inside| files.unlink(inside))
	}

	fn rename(&self, from: &[u8], to: &[u8]) -> Result<(), Error> {
		let (from, to) = (Path::new(from)?, Path::new(to)?);
		match (place(&from), place(&to)) {
			#[cfg(feature = "uio-virtio")]
			(Place::Share(from), Place::Share(to)) => share()?.rename(from, to),
			// The VFS in memory cannot rename; the caller copies.
			_ => Err(Error::Os(EXDEV)),
		}
	}

	fn share(&self) -> (&str, bool) {
		let mount = MOUNT.get().map_or(DEFAULT_MOUNT, Path::as_str);
		#[cfg(feature = "uio-virtio")]
		let attached = super::virtio::share::attached();
		#[cfg(not(feature = "uio-virtio"))]
		let attached = false;
		(mount, attached)
	}
}
