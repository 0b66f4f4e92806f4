//! Attributes, links' targets, figures, locks.

use super::server::{Held, Outcome, Server, bad, message};
use super::tree::Kind;
use crate::error::Errno;
use crate::msg::setattr::*;
use crate::msg::wire::Str;
use crate::msg::*;
use crate::types::{Tag, Time, mode};

impl Server {
    pub(super) fn attributes(&mut self, kind: u8, tag: Tag, request: &[u8]) -> Outcome {
        match kind {
            Tgetattr::KIND => self.getattr(tag, Tgetattr::decode(request).map_err(bad)?),
            Tsetattr::KIND => {
                self.setattr(Tsetattr::decode(request).map_err(bad)?)?;
                Ok(message(tag, &Rsetattr {}))
            }
            Treadlink::KIND => {
                let fid = Treadlink::decode(request).map_err(bad)?.fid;
                let Kind::Link(target) = &self.tree.node(self.held(fid)?.node)?.kind else {
                    return Err(Errno::EINVAL);
                };
                let target = Str(target);
                Ok(message(tag, &Rreadlink { target }))
            }
            Tstatfs::KIND => {
                self.held(Tstatfs::decode(request).map_err(bad)?.fid)?;
                Ok(message(tag, &self.statfs()))
            }
            Txattrwalk::KIND => self.xattrwalk(tag, &Txattrwalk::decode(request).map_err(bad)?),
            Txattrcreate::KIND => {
                let create = Txattrcreate::decode(request).map_err(bad)?;
                self.tree.writable()?;
                let name = create.name.0.to_vec();
                self.held_mut(create.fid)?.xattr = Some((name, Vec::new(), true));
                Ok(message(tag, &Rxattrcreate {}))
            }
            Tlock::KIND => {
                self.held(Tlock::decode(request).map_err(bad)?.fid)?;
                Ok(message(tag, &Rlock { status: 0 }))
            }
            _ => {
                let lock = Tgetlock::decode(request).map_err(bad)?;
                self.held(lock.fid)?;
                let free = Rgetlock {
                    kind: 2,
                    start: lock.start,
                    length: lock.length,
                    proc_id: lock.proc_id,
                    client_id: lock.client_id,
                };
                Ok(message(tag, &free))
            }
        }
    }

    fn statfs(&self) -> Rstatfs {
        let blocks = self.tree.capacity as u64 / 512;
        let free = blocks - (self.tree.used() as u64).div_ceil(512).min(blocks);
        Rstatfs {
            kind: 0x0102_1997,
            bsize: 512,
            blocks,
            bfree: free,
            bavail: free,
            files: self.tree.nodes.len() as u64,
            ffree: 1 << 20,
            fsid: 42,
            namelen: 255,
        }
    }

    fn getattr(&self, tag: Tag, getattr: Tgetattr) -> Outcome {
        let id = self.held(getattr.fid)?.node;
        let node = self.tree.node(id)?;
        let size = match &node.kind {
            Kind::Plain(bytes) | Kind::Link(bytes) => bytes.len() as u64,
            Kind::Dir(_) => 4096,
        };
        let reply = Rgetattr {
            valid: getattr.request_mask & Tgetattr::BASIC,
            qid: self.tree.qid(id)?,
            mode: node.mode,
            uid: node.uid,
            gid: node.gid,
            nlink: 1,
            rdev: 0,
            size,
            blksize: 4096,
            blocks: size.div_ceil(512),
            atime: node.atime,
            mtime: node.mtime,
            ctime: node.mtime,
            btime: Time::default(),
            generation: 0,
            data_version: 0,
        };
        Ok(message(tag, &reply))
    }

    fn setattr(&mut self, change: Tsetattr) -> Result<(), Errno> {
        self.tree.writable()?;
        let id = self.held(change.fid)?.node;
        if change.valid & SET_SIZE != 0 {
            let size = usize::try_from(change.size).map_err(|_| Errno::EINVAL)?;
            let grown = size.saturating_sub(self.tree.plain(id)?.len());
            if grown > self.tree.capacity.saturating_sub(self.tree.used()) {
                return Err(Errno::ENOSPC);
            }
            self.tree.change(id, |bytes| bytes.resize(size, 0))?;
        }
        let node = self.tree.node_mut(id)?;
        if change.valid & SET_MODE != 0 {
            node.mode = node.mode & mode::S_IFMT | change.mode & 0o7777;
        }
        if change.valid & SET_UID != 0 {
            node.uid = change.uid;
        }
        if change.valid & SET_GID != 0 {
            node.gid = change.gid;
        }
        if change.valid & SET_ATIME_TO != 0 {
            node.atime = change.atime;
        }
        if change.valid & SET_MTIME_TO != 0 {
            node.mtime = change.mtime;
        }
        Ok(())
    }

    fn xattrwalk(&mut self, tag: Tag, walk: &Txattrwalk<'_>) -> Outcome {
        let id = self.held(walk.fid)?.node;
        let xattrs = &self.tree.node(id)?.xattrs;
        let value = if walk.name.0.is_empty() {
            let names = xattrs.keys().flat_map(|name| [name, &b"\0"[..]].concat());
            names.collect()
        } else {
            xattrs.get(walk.name.0).ok_or(Errno::ENODATA)?.clone()
        };
        let size = value.len() as u64;
        let held = Held {
            node: id,
            place: None,
            open: None,
            xattr: Some((walk.name.0.to_vec(), value, false)),
        };
        self.insert(walk.newfid, held)?;
        Ok(message(tag, &Rxattrwalk { size }))
    }
}
