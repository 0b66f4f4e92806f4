//! What changes names.

use super::server::{Outcome, Server, bad, message};
use super::tree::Kind;
use crate::error::Errno;
use crate::msg::*;
use crate::types::Tag;

impl Server {
    pub(super) fn names(&mut self, kind: u8, tag: Tag, request: &[u8]) -> Outcome {
        match kind {
            Tmkdir::KIND => {
                let new = Tmkdir::decode(request).map_err(bad)?;
                let dir = self.held(new.dfid)?.node;
                let kind = Kind::Dir(Default::default());
                let node = self.tree.enter(dir, new.name.0, kind, new.mode, new.gid)?;
                let qid = self.tree.qid(node)?;
                Ok(message(tag, &Rmkdir { qid }))
            }
            Tsymlink::KIND => {
                let new = Tsymlink::decode(request).map_err(bad)?;
                let dir = self.held(new.dfid)?.node;
                let kind = Kind::Link(new.target.0.to_vec());
                let node = self.tree.enter(dir, new.name.0, kind, 0o777, new.gid)?;
                let qid = self.tree.qid(node)?;
                Ok(message(tag, &Rsymlink { qid }))
            }
            Tmknod::KIND => {
                let new = Tmknod::decode(request).map_err(bad)?;
                let dir = self.held(new.dfid)?.node;
                let kind = Kind::Plain(Vec::new());
                let node = self.tree.enter(dir, new.name.0, kind, new.mode, new.gid)?;
                let qid = self.tree.qid(node)?;
                Ok(message(tag, &Rmknod { qid }))
            }
            Tlink::KIND => {
                let new = Tlink::decode(request).map_err(bad)?;
                let (dir, file) = (self.held(new.dfid)?.node, self.held(new.fid)?.node);
                if self.tree.dir_mut(dir)?.contains_key(new.name.0) {
                    return Err(Errno::EEXIST);
                }
                if self.tree.dir(file).is_ok() {
                    return Err(Errno::EPERM);
                }
                self.tree.dir_mut(dir)?.insert(new.name.0.to_vec(), file);
                Ok(message(tag, &Rlink {}))
            }
            Trenameat::KIND => {
                let new = Trenameat::decode(request).map_err(bad)?;
                let old_dir = self.held(new.olddirfid)?.node;
                let new_dir = self.held(new.newdirfid)?.node;
                self.rename(old_dir, new.oldname.0, new_dir, new.newname.0)?;
                Ok(message(tag, &Rrenameat {}))
            }
            Trename::KIND => {
                let new = Trename::decode(request).map_err(bad)?;
                let (dir, name) = self.held(new.fid)?.place.clone().ok_or(Errno::EBUSY)?;
                let new_dir = self.held(new.dfid)?.node;
                self.rename(dir, &name, new_dir, new.name.0)?;
                self.held_mut(new.fid)?.place = Some((new_dir, new.name.0.to_vec()));
                Ok(message(tag, &Rrename {}))
            }
            Tunlinkat::KIND => {
                let old = Tunlinkat::decode(request).map_err(bad)?;
                let dir = self.held(old.dirfid)?.node;
                let is_dir = old.flags & Tunlinkat::REMOVE_DIR != 0;
                self.unlink(dir, old.name.0, Some(is_dir))?;
                Ok(message(tag, &Runlinkat {}))
            }
            Tremove::KIND => {
                let fid = Tremove::decode(request).map_err(bad)?.fid;
                let held = self.fids.remove(&fid.0).ok_or(Errno::EBADF)?;
                let (dir, name) = held.place.ok_or(Errno::EBUSY)?;
                self.unlink(dir, &name, None)?;
                Ok(message(tag, &Rremove {}))
            }
            _ => Err(Errno::EOPNOTSUPP),
        }
    }

    fn rename(&mut self, dir: u64, name: &[u8], to: u64, new: &[u8]) -> Result<(), Errno> {
        self.tree.writable()?;
        let node = *self.tree.dir(dir)?.get(name).ok_or(Errno::ENOENT)?;
        if let Some(old) = self.tree.dir(to)?.get(new).copied()
            && old != node
        {
            let is_dir = self.tree.dir(node).is_ok();
            self.unlink(to, new, Some(is_dir))?;
        }
        self.tree.dir_mut(dir)?.remove(name);
        self.tree.dir_mut(to)?.insert(new.to_vec(), node);
        Ok(())
    }

    /// Takes away a name; `is_dir` says what it must be.
    fn unlink(&mut self, dir: u64, name: &[u8], is_dir: Option<bool>) -> Result<(), Errno> {
        self.tree.writable()?;
        let node = *self.tree.dir(dir)?.get(name).ok_or(Errno::ENOENT)?;
        match (self.tree.dir(node), is_dir) {
            (Ok(_), Some(false)) => return Err(Errno::EISDIR),
            (Err(_), Some(true)) => return Err(Errno::ENOTDIR),
            (Ok(entries), _) if !entries.is_empty() => return Err(Errno::ENOTEMPTY),
            _ => {}
        }
        self.tree.dir_mut(dir)?.remove(name);
        Ok(())
    }
}
