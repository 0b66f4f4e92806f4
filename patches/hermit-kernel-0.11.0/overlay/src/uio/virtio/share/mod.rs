//! The share over virtio: a 9P2000.L file system that the host serves.
//!
//! [`Share`] is how the overlay uses it, [`node`] is how the application's `std::fs` does. Both
//! start the device and attach at their first use.

mod device;
mod node;
mod tree;

use alloc::sync::Arc;

use hermit_sync::{InterruptTicketMutex, OnceCell};
use uio_9p::fs::{Mount, Options};
use uio_core::files::Error;

use crate::env;
use crate::errno::EINVAL;
use crate::fd::{self, FileDescriptor};
use crate::uio::files::root;

pub(super) use device::on_interrupt;
pub(in crate::uio) use tree::Share;

/// The share, once somebody has asked for it.
static SHARE: OnceCell<Option<Share>> = OnceCell::new();

/// Taken while the share is started, so that it is started once.
static STARTING: InterruptTicketMutex<()> = InterruptTicketMutex::new(());

/// The share.
///
/// # Errors
/// [`Error::NoShare`] when none is attached.
pub(in crate::uio) fn get() -> Result<&'static Share, Error> {
	if SHARE.get().is_none() {
		let starting = STARTING.lock();
		if SHARE.get().is_none() {
			let _ = SHARE.set(start());
		}
		drop(starting);
	}
	SHARE
		.get()
		.and_then(Option::as_ref)
		.ok_or(Error::NoShare)
}

/// Finds the device, by its mount tag when `UIO_SHARE` names one, and makes a file system of it.
/// Nothing is sent yet.
fn start() -> Option<Share> {
	let tag = env::var("UIO_SHARE").map(|tag| tag.as_bytes());
	let transport = device::start(tag)?;
	let mut options = Options::default();
	if let Some(msize) = env::var("UIO_MSIZE").and_then(|msize| msize.parse().ok()) {
		options.msize = msize;
	}
	Some(Share(Mount::new(transport, options)))
}

/// Whether a share is attached. Does not start it.
pub(in crate::uio) fn attached() -> bool {
	match SHARE.get() {
		Some(share) => share.is_some(),
		None => super::pci::has_share(),
	}
}

/// Puts the share into the kernel's VFS.
pub(in crate::uio) fn mount(path: &str) {
	if let Err(err) = root().and_then(|root| root.mount(path, node::directory())) {
		error!("uio: the share cannot be mounted at {path}: {err:?}");
	}
}

/// The open file of the share behind a file descriptor of the calling task.
fn open_file(descriptor: FileDescriptor) -> Result<Arc<node::OpenFile>, i32> {
	let object = fd::get_object(descriptor).map_err(|err| -node::number(&err))?;
	node::OpenFile::of(&object).ok_or(-EINVAL)
}

/// `ftruncate` for files of the share: 0 or a negated error number.
pub(in crate::uio) fn truncate(descriptor: FileDescriptor, len: i64) -> i32 {
	let result = open_file(descriptor).and_then(|file| {
		let len = u64::try_from(len).map_err(|_| -EINVAL)?;
		file.set_len(len).map_err(|err| -err.errno().0)
	});
	result.map_or_else(|err| err, |()| 0)
}

/// `fsync` for files of the share: 0 or a negated error number. Other files have no disk.
pub(in crate::uio) fn sync(descriptor: FileDescriptor) -> i32 {
	match open_file(descriptor) {
		Ok(file) => file.sync().map_or_else(|err| -err.errno().0, |()| 0),
		Err(err) if err == -EINVAL => 0,
		Err(err) => err,
	}
}
