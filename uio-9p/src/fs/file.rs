//! Open files.

use super::{Change, Follow, Handle, Mount, Stat};
use crate::error::{Errno, Error, local};
use crate::msg::setattr::SET_SIZE;
use crate::msg::wire::Str;
use crate::msg::{IO_HEADER, Message, Rlopen, Tfsync, Tlcreate, Tlopen};
use crate::types::Qid;
use crate::types::flags::{
    O_ACCMODE, O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY,
};

/// An open file or directory; closed when dropped. It has no position: reads and writes say where.
pub struct File {
    pub(super) handle: Handle,
    qid: Qid,
    /// Most bytes that one read or write moves.
    pub(super) chunk: u32,
    /// Writes go to the end, whatever their offset, so their order matters.
    pub(super) append: bool,
}

impl Mount {
    /// Opens, and with `O_CREAT` creates, a file. `flags` as [`crate::types::flags`], `mode` a new file's permission
    /// bits.
    ///
    /// # Errors
    /// The server's, or what went wrong on the way.
    pub fn open(&self, path: &[u8], flags: u32, mode: u32) -> Result<File, Error> {
        if flags & O_CREAT == 0 {
            return self.open_existing(path, flags);
        }
        if flags & O_EXCL != 0 {
            return self.create(path, flags, mode);
        }
        // A file that appears or goes between two looks: look again, but not for ever.
        for _ in 0..4 {
            match self.open_existing(path, flags) {
                Err(Error::Remote(Errno::ENOENT)) => {}
                result => return result,
            }
            match self.create(path, flags | O_EXCL, mode) {
                Err(Error::Remote(Errno::EEXIST)) => {}
                result => return result,
            }
        }
        // Such as a symbolic link to nowhere.
        Err(Error::Remote(Errno::ENOENT))
    }

    fn open_existing(&self, path: &[u8], flags: u32) -> Result<File, Error> {
        let follow = if flags & O_NOFOLLOW == 0 {
            Follow::Yes
        } else {
            Follow::No
        };
        let (handle, qid) = self.walk(path, follow)?;
        if qid.is_symlink() {
            return local(Errno::ELOOP);
        }
        if flags & O_DIRECTORY != 0 && !qid.is_dir() {
            return local(Errno::ENOTDIR);
        }
        if qid.is_dir() && flags & (O_ACCMODE | O_CREAT) != O_RDONLY {
            return local(Errno::EISDIR);
        }
        let handle = self.own(handle)?;
        let request = Tlopen {
            fid: handle.fid,
            flags: flags & !(O_CREAT | O_EXCL),
        };
        self.file(handle, &request, flags)
    }

    fn create(&self, path: &[u8], flags: u32, mode: u32) -> Result<File, Error> {
        let (parent, name) = self.walk_parent(path, Errno::EISDIR)?;
        let handle = self.own(parent)?;
        let request = Tlcreate {
            fid: handle.fid,
            name: Str(name),
            flags,
            mode,
            gid: self.0.options.gid,
        };
        self.file(handle, &request, flags)
    }

    /// The handle, or a duplicate if it is the mount's own.
    fn own(&self, handle: Handle) -> Result<Handle, Error> {
        if handle.is_root() {
            self.duplicate(&handle)
        } else {
            Ok(handle)
        }
    }

    /// The file that `request` opens or creates; `Rlopen` and `Rlcreate` have the same fields.
    fn file(&self, handle: Handle, request: &dyn Message, flags: u32) -> Result<File, Error> {
        let Rlopen { qid, iounit } = self.0.ask(request, Rlopen::decode_fields)?;
        let most = self.0.ready()? - IO_HEADER;
        Ok(File {
            handle,
            qid,
            chunk: if iounit == 0 { most } else { most.min(iounit) },
            append: flags & O_APPEND != 0,
        })
    }
}

impl File {
    /// The file's identity at the time it was opened.
    #[must_use]
    pub fn qid(&self) -> Qid {
        self.qid
    }

    /// The file's attributes now.
    ///
    /// # Errors
    /// The server's, or what went wrong on the way.
    pub fn stat(&self) -> Result<Stat, Error> {
        self.handle.stat()
    }

    /// Changes attributes.
    ///
    /// # Errors
    /// The server's, or what went wrong on the way.
    pub fn setattr(&self, change: &Change) -> Result<(), Error> {
        self.handle.setattr(change)
    }

    /// Cuts or extends the file to `size` bytes.
    ///
    /// # Errors
    /// The server's, or what went wrong on the way.
    pub fn set_len(&self, size: u64) -> Result<(), Error> {
        self.handle.setattr(&Change {
            valid: SET_SIZE,
            size,
            ..Change::default()
        })
    }

    /// Brings the file to stable storage.
    ///
    /// # Errors
    /// The server's, or what went wrong on the way.
    pub fn fsync(&self) -> Result<(), Error> {
        let request = Tfsync {
            fid: self.handle.fid,
            datasync: 0,
        };
        self.handle.session.tell(&request, 0)
    }
}
