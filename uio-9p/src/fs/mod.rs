//! A mounted share: files by path, blocking, for any number of tasks at once.
//!
//! Paths are bytes separated by `/`, from the share's root; a leading `/` and empty names mean nothing. `.` and `..` are
//! resolved in the path as it is written, before the server sees it, so no path leads out of the share. Symbolic links
//! are followed on this side; an absolute target starts at the share's root.
//!
//! Nothing is sent until the first use. An error in the first exchange is that use's error, and the next use tries anew.

#![forbid(unsafe_code)]

mod dir;
mod file;
mod names;
mod path;
mod session;
mod transfer;
mod walk;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::client::{Counters, DEFAULT_MSIZE};
use crate::error::{Errno, Error, local};
use crate::msg::setattr::SET_SIZE;
use crate::msg::{Rgetattr, Rstatfs, Tgetattr, Treadlink, Tsetattr, Tstatfs};
use crate::transport::Transport;
use crate::types::{Fid, Time};

pub use crate::msg::readdir::Entry;
pub use dir::Visit;
pub use file::File;

use session::{Session, Sink};

/// A file's attributes. [`Rgetattr::qid`] and [`Rgetattr::mtime`] tell whether it is still the same content.
pub type Stat = Rgetattr;
/// A file system's figures.
pub type StatFs = Rstatfs;

/// How to mount.
#[derive(Clone, Debug)]
pub struct Options {
    /// Longest message to ask for, in bytes; kept within 8 KiB and 512 KiB and what the transport carries.
    pub msize: u32,
    /// The user's number.
    pub uid: u32,
    /// Group of files that are made here.
    pub gid: u32,
    /// The user's name.
    pub uname: String,
    /// Which of a server's trees; QEMU has but one.
    pub aname: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            msize: DEFAULT_MSIZE,
            uid: 0,
            gid: 0,
            uname: String::from("root"),
            aname: String::new(),
        }
    }
}

/// Whether a symbolic link at a path's end is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// The path means what the link points to.
    Yes,
    /// The path means the link.
    No,
}

/// A share. Clones are the same share.
#[derive(Clone)]
pub struct Mount(Arc<Session>);

impl Mount {
    /// A share behind `transport`, which is not yet spoken to.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>, options: Options) -> Self {
        Self(Arc::new(Session::new(transport, options)))
    }

    /// Attaches now instead of at the first use, and says the session's message size in bytes.
    ///
    /// # Errors
    /// What the first use would say.
    pub fn attach(&self) -> Result<u32, Error> {
        self.0.ready()
    }

    /// What went wrong so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.0.client.counters()
    }

    /// Fids in use, the root's among them.
    #[must_use]
    pub fn fids_in_use(&self) -> u32 {
        self.0.collect();
        self.0.client.fids_in_use()
    }

    /// A file's attributes.
    ///
    /// # Errors
    /// The server's, or what went wrong on the way.
    pub fn stat(&self, path: &[u8], follow: Follow) -> Result<Stat, Error> {
        let (handle, _) = self.walk(path, follow)?;
        handle.stat()
    }

    /// Cuts or extends a file to `size` bytes.
    ///
    /// # Errors
    /// The server's, or what went wrong on the way.
    pub fn truncate(&self, path: &[u8], size: u64) -> Result<(), Error> {
        let change = Change {
            valid: SET_SIZE,
            size,
            ..Change::default()
        };
        self.setattr(path, Follow::Yes, &change)
    }

    /// Changes attributes.
    ///
    /// # Errors
    /// The server's, or what went wrong on the way.
    pub fn setattr(&self, path: &[u8], follow: Follow, change: &Change) -> Result<(), Error> {
        let (handle, _) = self.walk(path, follow)?;
        handle.setattr(change)
    }

    /// Where a symbolic link points to, appended to `target`.
    ///
    /// # Errors
    /// `EINVAL` when it is none; the server's, or what went wrong on the way.
    pub fn readlink(&self, path: &[u8], target: &mut Vec<u8>) -> Result<(), Error> {
        let (handle, qid) = self.walk(path, Follow::No)?;
        if !qid.is_symlink() {
            return local(Errno::EINVAL);
        }
        handle.readlink(target)
    }

    /// The figures of the file system behind the share.
    ///
    /// # Errors
    /// The server's, or what went wrong on the way.
    pub fn statfs(&self) -> Result<StatFs, Error> {
        self.0.ready()?;
        self.0
            .ask(&Tstatfs { fid: Fid::ROOT }, Rstatfs::decode_fields)
    }
}

/// A change of attributes: those that [`Change::valid`] names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Bits of [`crate::msg::setattr`].
    pub valid: u32,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length in bytes.
    pub size: u64,
    /// Time of last read.
    pub atime: Time,
    /// Time of last change of content.
    pub mtime: Time,
}

/// A fid that the server knows; forgotten when dropped.
pub(crate) struct Handle {
    session: Arc<Session>,
    fid: Fid,
}

impl Drop for Handle {
    fn drop(&mut self) {
        if !self.is_root() {
            self.session.clunk(self.fid);
        }
    }
}

impl Handle {
    /// Whether it is the mount's own.
    fn is_root(&self) -> bool {
        self.fid == Fid::ROOT
    }

    fn stat(&self) -> Result<Stat, Error> {
        let request = Tgetattr {
            fid: self.fid,
            request_mask: Tgetattr::BASIC,
        };
        self.session.ask(&request, Rgetattr::decode_fields)
    }

    fn setattr(&self, change: &Change) -> Result<(), Error> {
        let request = Tsetattr {
            fid: self.fid,
            valid: change.valid,
            mode: change.mode,
            uid: change.uid,
            gid: change.gid,
            size: change.size,
            atime: change.atime,
            mtime: change.mtime,
        };
        self.session.tell(&request, 0)
    }

    fn readlink(&self, target: &mut Vec<u8>) -> Result<(), Error> {
        let request = Treadlink { fid: self.fid };
        self.session.call(&request, &mut Sink::Target(target))
    }
}
