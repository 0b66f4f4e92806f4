//! The files of the server.

use std::collections::{BTreeMap, HashMap};

use crate::error::Errno;
use crate::types::{Qid, Time, mode};

/// Number of the root.
pub(super) const ROOT: u64 = 1;

/// What a file is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Plain(Vec<u8>),
    Dir(BTreeMap<Vec<u8>, u64>),
    Link(Vec<u8>),
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) version: u32,
    pub(super) atime: Time,
    pub(super) mtime: Time,
    pub(super) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// Files in memory.
#[derive(Debug)]
pub struct Tree {
    pub(super) nodes: HashMap<u64, Node>,
    next: u64,
    clock: u64,
    /// Every change is refused with `EROFS`.
    pub read_only: bool,
    /// Bytes that plain files may hold in all; more is refused with `ENOSPC`.
    pub capacity: usize,
}

impl Default for Tree {
    fn default() -> Self {
        let mut tree = Self {
            nodes: HashMap::new(),
            next: ROOT,
            clock: 1_700_000_000,
            read_only: false,
            capacity: usize::MAX,
        };
        tree.add(Kind::Dir(BTreeMap::new()), 0o755, 0);
        tree
    }
}

impl Tree {
    pub(super) fn add(&mut self, kind: Kind, permissions: u32, gid: u32) -> u64 {
        let id = self.next;
        self.next += 1;
        self.clock += 1;
        let kind_bits = match kind {
            Kind::Plain(_) => mode::S_IFREG,
            Kind::Dir(_) => mode::S_IFDIR,
            Kind::Link(_) => mode::S_IFLNK,
        };
        let now = Time {
            sec: self.clock,
            nsec: 7,
        };
        let node = Node {
            kind,
            mode: kind_bits | permissions & 0o7777,
            uid: 0,
            gid,
            version: 0,
            atime: now,
            mtime: now,
            xattrs: BTreeMap::new(),
        };
        self.nodes.insert(id, node);
        id
    }

    pub(super) fn node(&self, id: u64) -> Result<&Node, Errno> {
        self.nodes.get(&id).ok_or(Errno::ENOENT)
    }

    pub(super) fn node_mut(&mut self, id: u64) -> Result<&mut Node, Errno> {
        self.nodes.get_mut(&id).ok_or(Errno::ENOENT)
    }

    pub(super) fn dir(&self, id: u64) -> Result<&BTreeMap<Vec<u8>, u64>, Errno> {
        match &self.node(id)?.kind {
            Kind::Dir(entries) => Ok(entries),
            _ => Err(Errno::ENOTDIR),
        }
    }

    pub(super) fn dir_mut(&mut self, id: u64) -> Result<&mut BTreeMap<Vec<u8>, u64>, Errno> {
        self.writable()?;
        match &mut self.node_mut(id)?.kind {
            Kind::Dir(entries) => Ok(entries),
            _ => Err(Errno::ENOTDIR),
        }
    }

    pub(super) fn plain(&self, id: u64) -> Result<&[u8], Errno> {
        match &self.node(id)?.kind {
            Kind::Plain(bytes) => Ok(bytes),
            Kind::Dir(_) => Err(Errno::EISDIR),
            Kind::Link(_) => Err(Errno::EINVAL),
        }
    }

    pub(super) fn writable(&self) -> Result<(), Errno> {
        if self.read_only {
            Err(Errno::EROFS)
        } else {
            Ok(())
        }
    }

    /// Bytes in plain files.
    pub(super) fn used(&self) -> usize {
        let size = |node: &Node| match &node.kind {
            Kind::Plain(bytes) => bytes.len(),
            _ => 0,
        };
        self.nodes.values().map(size).sum()
    }

    /// Puts a new file into a directory.
    pub(super) fn enter(
        &mut self,
        dir: u64,
        name: &[u8],
        kind: Kind,
        permissions: u32,
        gid: u32,
    ) -> Result<u64, Errno> {
        if name.is_empty() || name.contains(&b'/') || name == b"." || name == b".." {
            return Err(Errno::EINVAL);
        }
        if self.dir_mut(dir)?.contains_key(name) {
            return Err(Errno::EEXIST);
        }
        let id = self.add(kind, permissions, gid);
        self.dir_mut(dir)?.insert(name.to_vec(), id);
        Ok(id)
    }

    /// Changes a plain file's bytes.
    pub(super) fn change(
        &mut self,
        id: u64,
        change: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), Errno> {
        self.writable()?;
        self.clock += 1;
        let sec = self.clock;
        let node = self.node_mut(id)?;
        let Kind::Plain(bytes) = &mut node.kind else {
            return Err(Errno::EISDIR);
        };
        change(bytes);
        node.version += 1;
        node.mtime = Time { sec, nsec: 9 };
        Ok(())
    }

    pub(super) fn qid(&self, id: u64) -> Result<Qid, Errno> {
        let node = self.node(id)?;
        let kind = match node.kind {
            Kind::Plain(_) => 0,
            Kind::Dir(_) => Qid::DIR,
            Kind::Link(_) => Qid::SYMLINK,
        };
        Ok(Qid {
            kind,
            version: node.version,
            path: id,
        })
    }

    fn find(&self, path: &str) -> Option<u64> {
        let mut names = path.split('/').filter(|name| !name.is_empty());
        names.try_fold(ROOT, |at, name| {
            self.dir(at).ok()?.get(name.as_bytes()).copied()
        })
    }

    /// A plain file's bytes, the test's view from the host.
    #[must_use]
    pub fn read(&self, path: &str) -> Option<Vec<u8>> {
        Some(self.plain(self.find(path)?).ok()?.to_vec())
    }

    /// Whether there is such a file.
    #[must_use]
    pub fn exists(&self, path: &str) -> bool {
        self.find(path).is_some()
    }

    fn place<'p>(&mut self, path: &'p str) -> (u64, &'p str) {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        if !parent.is_empty() && self.find(parent).is_none() {
            self.mkdir(parent);
        }
        (self.find(parent).unwrap_or(ROOT), name)
    }

    fn put(&mut self, path: &str, kind: Kind, permissions: u32) {
        let (dir, name) = self.place(path);
        let id = self.add(kind, permissions, 0);
        if let Ok(Kind::Dir(entries)) = self.node_mut(dir).map(|node| &mut node.kind) {
            entries.insert(name.as_bytes().to_vec(), id);
        }
    }

    /// Makes or replaces a plain file, with the directories on the way.
    pub fn write(&mut self, path: &str, bytes: &[u8]) {
        self.put(path, Kind::Plain(bytes.to_vec()), 0o644);
    }

    /// Makes a directory, with the directories on the way.
    pub fn mkdir(&mut self, path: &str) {
        self.put(path, Kind::Dir(BTreeMap::new()), 0o755);
    }

    /// Makes a symbolic link.
    pub fn symlink(&mut self, path: &str, target: &str) {
        self.put(path, Kind::Link(target.as_bytes().to_vec()), 0o777);
    }
}
