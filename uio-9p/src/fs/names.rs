//! What changes names: making, moving and removing.

use super::{Follow, Mount};
use crate::error::{Errno, Error};
use crate::msg::wire::Str;
use crate::msg::{Tlink, Tmkdir, Trenameat, Tsymlink, Tunlinkat};
use crate::types::Qid;

impl Mount {
    /// Makes a directory with these permission bits.
    ///
    /// # Errors
    /// The server's, or what went wrong on the way.
    pub fn mkdir(&self, path: &[u8], mode: u32) -> Result<(), Error> {
        let (parent, name) = self.walk_parent(path, Errno::EEXIST)?;
        let request = Tmkdir {
            dfid: parent.fid,
            name: Str(name),
            mode,
            gid: self.0.options.gid,
        };
        self.0.tell(&request, Qid::LEN)
    }

    /// Makes a symbolic link to `target`.
    ///
    /// # Errors
    /// The server's, or what went wrong on the way.
    pub fn symlink(&self, target: &[u8], path: &[u8]) -> Result<(), Error> {
        let (parent, name) = self.walk_parent(path, Errno::EEXIST)?;
        let request = Tsymlink {
            dfid: parent.fid,
            name: Str(name),
            target: Str(target),
            gid: self.0.options.gid,
        };
        self.0.tell(&request, Qid::LEN)
    }

    /// Gives a file another name.
    ///
    /// # Errors
    /// The server's, or what went wrong on the way.
    pub fn link(&self, file: &[u8], path: &[u8]) -> Result<(), Error> {
        let (parent, name) = self.walk_parent(path, Errno::EEXIST)?;
        let (file, _) = self.walk(file, Follow::No)?;
        let request = Tlink {
            dfid: parent.fid,
            fid: file.fid,
            name: Str(name),
        };
        self.0.tell(&request, 0)
    }

    /// Moves a file or directory, replacing what has the new name.
    ///
    /// # Errors
    /// The server's, or what went wrong on the way.
    pub fn rename(&self, from: &[u8], to: &[u8]) -> Result<(), Error> {
        let (old, oldname) = self.walk_parent(from, Errno::EBUSY)?;
        let (new, newname) = self.walk_parent(to, Errno::EBUSY)?;
        let request = Trenameat {
            olddirfid: old.fid,
            oldname: Str(oldname),
            newdirfid: new.fid,
            newname: Str(newname),
        };
        self.0.tell(&request, 0)
    }

    /// Removes a file.
    ///
    /// # Errors
    /// The server's, or what went wrong on the way.
    pub fn unlink(&self, path: &[u8]) -> Result<(), Error> {
        self.unlinkat(path, 0, Errno::EISDIR)
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// The server's, or what went wrong on the way.
    pub fn rmdir(&self, path: &[u8]) -> Result<(), Error> {
        self.unlinkat(path, Tunlinkat::REMOVE_DIR, Errno::EBUSY)
    }

    fn unlinkat(&self, path: &[u8], flags: u32, root: Errno) -> Result<(), Error> {
        let (parent, name) = self.walk_parent(path, root)?;
        let request = Tunlinkat {
            dirfid: parent.fid,
            name: Str(name),
            flags,
        };
        self.0.tell(&request, 0)
    }
}
