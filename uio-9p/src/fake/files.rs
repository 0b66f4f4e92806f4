//! Open files.

use super::server::{Outcome, Server, bad, message};
use super::tree::Kind;
use crate::error::Errno;
use crate::msg::readdir::Entry;
use crate::msg::wire::{Data, Wire, Writer};
use crate::msg::*;
use crate::types::flags::{O_ACCMODE, O_APPEND, O_EXCL, O_RDONLY, O_TRUNC, O_WRONLY};
use crate::types::{Fid, Tag};

impl Server {
    pub(super) fn files(&mut self, kind: u8, tag: Tag, request: &[u8]) -> Outcome {
        match kind {
            Tlopen::KIND => {
                let Tlopen { fid, flags } = Tlopen::decode(request).map_err(bad)?;
                self.open(fid, flags)?;
                let qid = self.tree.qid(self.held(fid)?.node)?;
                let iounit = self.iounit;
                Ok(message(tag, &Rlopen { qid, iounit }))
            }
            Tlcreate::KIND => self.create(tag, &Tlcreate::decode(request).map_err(bad)?),
            Tread::KIND => self.read(tag, Tread::decode(request).map_err(bad)?),
            Twrite::KIND => {
                let count = self.write(&Twrite::decode(request).map_err(bad)?)?;
                Ok(message(tag, &Rwrite { count }))
            }
            Treaddir::KIND => self.readdir(tag, Treaddir::decode(request).map_err(bad)?),
            Tfsync::KIND => {
                let fid = Tfsync::decode(request).map_err(bad)?.fid;
                self.held(fid)?.open.ok_or(Errno::EBADF)?;
                Ok(message(tag, &Rfsync {}))
            }
            _ => {
                let fid = Tclunk::decode(request).map_err(bad)?.fid;
                let held = self.fids.remove(&fid.0).ok_or(Errno::ENOENT)?;
                if let Some((name, value, true)) = held.xattr {
                    self.tree.node_mut(held.node)?.xattrs.insert(name, value);
                }
                Ok(message(tag, &Rclunk {}))
            }
        }
    }

    fn open(&mut self, fid: Fid, flags: u32) -> Result<(), Errno> {
        let node = self.held(fid)?.node;
        let writes = flags & O_ACCMODE != O_RDONLY || flags & O_TRUNC != 0;
        match self.tree.node(node)?.kind {
            Kind::Link(_) => return Err(Errno::ELOOP),
            Kind::Dir(_) if writes => return Err(Errno::EISDIR),
            _ => {}
        }
        if writes {
            self.tree.writable()?;
        }
        if flags & O_TRUNC != 0 {
            self.tree.change(node, Vec::clear)?;
        }
        self.held_mut(fid)?.open = Some(flags);
        Ok(())
    }

    fn create(&mut self, tag: Tag, create: &Tlcreate<'_>) -> Outcome {
        let dir = self.held(create.fid)?.node;
        let name = create.name.0;
        let old = self.tree.dir(dir)?.get(name).copied();
        let node = match old {
            Some(_) if create.flags & O_EXCL != 0 => return Err(Errno::EEXIST),
            Some(node) => node,
            None => {
                let kind = Kind::Plain(Vec::new());
                self.tree.enter(dir, name, kind, create.mode, create.gid)?
            }
        };
        let held = self.held_mut(create.fid)?;
        held.node = node;
        held.place = Some((dir, name.to_vec()));
        self.open(create.fid, create.flags)?;
        let qid = self.tree.qid(node)?;
        let iounit = self.iounit;
        Ok(message(tag, &Rlcreate { qid, iounit }))
    }

    fn read(&mut self, tag: Tag, read: Tread) -> Outcome {
        let held = self.held(read.fid)?;
        let bytes = match (&held.xattr, held.open) {
            (Some((_, value, false)), _) => value,
            (None, Some(flags)) if flags & O_ACCMODE != O_WRONLY => self.tree.plain(held.node)?,
            _ => return Err(Errno::EBADF),
        };
        let from = usize::try_from(read.offset).map_or(bytes.len(), |at| at.min(bytes.len()));
        let most = if self.max_read == 0 {
            usize::MAX
        } else {
            self.max_read
        };
        let len = (read.count as usize).min(self.room()).min(most);
        let end = bytes.len().min(from + len);
        Ok(Self::data(tag, &bytes[from..end]))
    }

    fn write(&mut self, write: &Twrite<'_>) -> Result<u32, Errno> {
        let data = write.data.0;
        let held = self.held_mut(write.fid)?;
        if let Some((_, value, true)) = &mut held.xattr {
            value.extend_from_slice(data);
            return Ok(data.len() as u32);
        }
        let flags = held.open.ok_or(Errno::EBADF)?;
        if flags & O_ACCMODE == O_RDONLY {
            return Err(Errno::EBADF);
        }
        let node = held.node;
        let size = self.tree.plain(node)?.len();
        let offset = if flags & O_APPEND != 0 {
            size
        } else {
            write.offset as usize
        };
        let free = self.tree.capacity.saturating_sub(self.tree.used());
        let room = size.max(offset) - offset + free.saturating_sub(offset.saturating_sub(size));
        let data = &data[..data.len().min(room)];
        if data.is_empty() && !write.data.0.is_empty() {
            return Err(Errno::ENOSPC);
        }
        self.tree.change(node, |bytes| {
            let end = offset + data.len();
            bytes.resize(bytes.len().max(end), 0);
            bytes[offset..end].copy_from_slice(data);
        })?;
        Ok(data.len() as u32)
    }

    fn readdir(&mut self, tag: Tag, readdir: Treaddir) -> Outcome {
        let held = self.held(readdir.fid)?;
        held.open.ok_or(Errno::EBADF)?;
        let dots: [(&[u8], u64); 2] = [(b".", held.node), (b"..", held.node)];
        let entries = self.tree.dir(held.node)?;
        let all = dots
            .into_iter()
            .chain(entries.iter().map(|(name, node)| (&name[..], *node)));
        let most = (readdir.count as usize).min(self.room());
        let mut data = Vec::new();
        for (index, (name, node)) in all.enumerate().skip(readdir.offset as usize) {
            let qid = self.tree.qid(node)?;
            let entry = Entry {
                qid,
                offset: index as u64 + 1,
                kind: match (qid.is_dir(), qid.is_symlink()) {
                    (true, _) => 4,
                    (_, true) => 10,
                    _ => 8,
                },
                name,
            };
            let mut bytes = [0; 512];
            let mut to = Writer::new(&mut bytes);
            entry.put(&mut to);
            let len = to.finish().map_err(bad)?;
            if data.len() + len > most {
                break;
            }
            data.extend_from_slice(&bytes[..len]);
        }
        Ok(message(tag, &Rreaddir { data: Data(&data) }))
    }
}
