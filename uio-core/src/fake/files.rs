//! Files in memory: a root, and a share mounted at `/uio` that is another file system.

use std::boxed::Box;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::vec::Vec;

use uio_console::record::{Entry, Kind, Stat};

use crate::files::{Error, File, Files, Open, Visit};

const ENOENT: Error = Error::Os(2);
const EIO: i32 = 5;
const EEXIST: Error = Error::Os(17);
const EXDEV: Error = Error::Os(18);
const ENOTDIR: Error = Error::Os(20);
const EISDIR: Error = Error::Os(21);
const ENOSPC: Error = Error::Os(28);
const EROFS: Error = Error::Os(30);
const ENOTEMPTY: Error = Error::Os(39);
const EBADF: Error = Error::Os(9);

/// Where the share is mounted.
const SHARE: &str = "/uio";

#[derive(Clone)]
enum Node {
    Directory,
    File(Arc<Mutex<Vec<u8>>>),
}

type Tree = BTreeMap<Vec<u8>, (u64, Node)>;

/// Ways in which files misbehave.
#[derive(Default)]
struct Faults {
    /// No share is attached.
    detached: AtomicBool,
    read_only: AtomicBool,
    /// Bytes that can still be written; below 0 for no limit.
    space: AtomicI64,
    /// The most bytes of one read or write; 0 for no limit.
    short: AtomicUsize,
    /// Reads beyond this offset fail with `EIO`; 0 for none.
    bad_from: AtomicUsize,
    /// Nanoseconds by which all files are newer than at first.
    newer_ns: AtomicUsize,
    /// Files that were opened or asked for their status.
    asked: AtomicUsize,
}

/// See the module. Clones share their files.
#[derive(Clone)]
pub struct FakeFiles {
    tree: Arc<Mutex<Tree>>,
    faults: Arc<Faults>,
    open: Arc<AtomicUsize>,
}

impl FakeFiles {
    /// An empty root and an empty share.
    #[must_use]
    pub fn new() -> Self {
        let files = Self {
            tree: Arc::default(),
            faults: Arc::default(),
            open: Arc::default(),
        };
        files.faults.space.store(-1, SeqCst);
        for path in ["/", "/tmp", SHARE] {
            files.put(path, Node::Directory);
        }
        files
    }

    fn put(&self, path: &str, node: Node) {
        let mut tree = self.tree.lock().unwrap();
        let inode = tree.values().map(|(inode, _)| inode + 1).max().unwrap_or(1);
        tree.insert(path.as_bytes().to_vec(), (inode, node));
    }

    /// Makes a directory.
    pub fn add_directory(&self, path: &str) {
        self.put(path, Node::Directory);
    }

    /// Makes a file, or gives it other contents.
    pub fn add(&self, path: &str, bytes: &[u8]) {
        self.put(path, Node::File(Arc::new(Mutex::new(bytes.to_vec()))));
    }

    /// The contents of a file.
    pub fn contents(&self, path: &str) -> Option<Vec<u8>> {
        match self.tree.lock().unwrap().get(path.as_bytes()) {
            Some((_, Node::File(bytes))) => Some(bytes.lock().unwrap().clone()),
            _ => None,
        }
    }

    /// Whether there is such a file or directory.
    pub fn exists(&self, path: &str) -> bool {
        self.tree.lock().unwrap().contains_key(path.as_bytes())
    }

    /// Takes the share away.
    pub fn detach(&self) {
        self.faults.detached.store(true, SeqCst);
    }

    /// Nothing can be changed any more.
    pub fn set_read_only(&self, on: bool) {
        self.faults.read_only.store(on, SeqCst);
    }

    /// So many bytes can still be written; `None` for no limit.
    pub fn set_space(&self, bytes: Option<u32>) {
        self.faults.space.store(bytes.map_or(-1, i64::from), SeqCst);
    }

    /// Reads and writes move at most so many bytes at once; 0 for no limit.
    pub fn set_short(&self, bytes: usize) {
        self.faults.short.store(bytes, SeqCst);
    }

    /// Reads beyond this offset fail with `EIO`; 0 for none.
    pub fn set_bad_from(&self, offset: usize) {
        self.faults.bad_from.store(offset, SeqCst);
    }

    /// Makes all files newer by a nanosecond.
    pub fn touch(&self) {
        self.faults.newer_ns.fetch_add(1, SeqCst);
    }

    /// How many files were opened or asked for their status.
    pub fn asked(&self) -> usize {
        self.faults.asked.load(SeqCst)
    }

    /// Files that are open.
    pub fn open_files(&self) -> usize {
        self.open.load(SeqCst)
    }

    fn node(&self, path: &[u8]) -> Result<(u64, Node), Error> {
        self.check_share(path)?;
        let tree = self.tree.lock().unwrap();
        if let Some(found) = tree.get(path) {
            return Ok(found.clone());
        }
        match tree.get(parent(path)) {
            Some((_, Node::File(_))) => Err(ENOTDIR),
            _ => Err(ENOENT),
        }
    }

    fn check_share(&self, path: &[u8]) -> Result<(), Error> {
        let detached = self.faults.detached.load(SeqCst);
        match detached && path.starts_with(SHARE.as_bytes()) {
            true => Err(Error::NoShare),
            false => Ok(()),
        }
    }

    fn writable(&self) -> Result<(), Error> {
        match self.faults.read_only.load(SeqCst) {
            true => Err(EROFS),
            false => Ok(()),
        }
    }

    /// Makes `path` if its directory exists and it does not.
    fn make(&self, path: &[u8], node: Node) -> Result<(), Error> {
        self.writable()?;
        match self.node(parent(path))? {
            (_, Node::Directory) => {}
            _ => return Err(ENOTDIR),
        }
        let path = core::str::from_utf8(path).map_err(|_| Error::Os(EIO))?;
        match self.exists(path) {
            true => Err(EEXIST),
            false => {
                self.put(path, node);
                Ok(())
            }
        }
    }
}

impl Default for FakeFiles {
    fn default() -> Self {
        Self::new()
    }
}

fn parent(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(0) | None => b"/",
        Some(at) => &path[..at],
    }
}

fn stat(inode: u64, node: &Node, faults: &Faults) -> Stat {
    let (kind, mode, size) = match node {
        Node::Directory => (Kind::Directory, 0o755, 0),
        Node::File(bytes) => (Kind::File, 0o644, bytes.lock().unwrap().len() as u64),
    };
    Stat {
        kind,
        mode,
        size,
        modified_ns: 1_700_000_000_000_000_000 + faults.newer_ns.load(SeqCst) as u64,
        inode,
        links: 1,
        uid: 0,
        gid: 0,
    }
}

impl Files for FakeFiles {
    fn open(&self, path: &[u8], how: Open) -> Result<Box<dyn File>, Error> {
        self.faults.asked.fetch_add(1, SeqCst);
        let found = match (self.node(path), how.create) {
            (Err(ENOENT), Some(_)) => {
                self.make(path, Node::File(Arc::default()))?;
                self.node(path)?
            }
            (Ok(_), Some(_)) if how.exclusive => return Err(EEXIST),
            (found, _) => found?,
        };
        let (inode, Node::File(bytes)) = found else {
            return Err(EISDIR);
        };
        if how.write {
            self.writable()?;
        }
        if how.truncate {
            bytes.lock().unwrap().clear();
        }
        self.open.fetch_add(1, SeqCst);
        Ok(Box::new(FakeFile {
            inode,
            bytes,
            how,
            faults: self.faults.clone(),
            open: self.open.clone(),
        }))
    }

    fn stat(&self, path: &[u8]) -> Result<Stat, Error> {
        let (inode, node) = self.node(path)?;
        self.faults.asked.fetch_add(1, SeqCst);
        Ok(stat(inode, &node, &self.faults))
    }

    fn list(&self, path: &[u8], stats: bool, each: &mut Visit<'_>) -> Result<(), Error> {
        if !matches!(self.node(path)?, (_, Node::Directory)) {
            return Err(ENOTDIR);
        }
        let tree = self.tree.lock().unwrap().clone();
        for (child, (inode, node)) in &tree {
            if child != b"/" && parent(child) == path {
                let at = child.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
                let stat = stat(*inode, node, &self.faults);
                let entry = Entry {
                    name: &child[at + 1..],
                    kind: stat.kind,
                    stat: stats.then_some(stat),
                };
                if !each(&entry) {
                    break;
                }
            }
        }
        Ok(())
    }

    fn mkdir(&self, path: &[u8], _mode: u32) -> Result<(), Error> {
        if self.node(path).is_ok() {
            return Err(EEXIST);
        }
        self.make(path, Node::Directory)
    }

    fn rmdir(&self, path: &[u8]) -> Result<(), Error> {
        if !matches!(self.node(path)?, (_, Node::Directory)) {
            return Err(ENOTDIR);
        }
        self.writable()?;
        let mut tree = self.tree.lock().unwrap();
        if tree
            .keys()
            .any(|child| child != path && parent(child) == path)
        {
            return Err(ENOTEMPTY);
        }
        tree.remove(path);
        Ok(())
    }

    fn unlink(&self, path: &[u8]) -> Result<(), Error> {
        if matches!(self.node(path)?, (_, Node::Directory)) {
            return Err(EISDIR);
        }
        self.writable()?;
        self.tree.lock().unwrap().remove(path);
        Ok(())
    }

    fn rename(&self, from: &[u8], to: &[u8]) -> Result<(), Error> {
        let node = self.node(from)?;
        self.check_share(to)?;
        if from.starts_with(SHARE.as_bytes()) != to.starts_with(SHARE.as_bytes()) {
            return Err(EXDEV);
        }
        self.writable()?;
        self.node(parent(to))?;
        let mut tree = self.tree.lock().unwrap();
        let mut prefix = from.to_vec();
        prefix.push(b'/');
        let below: Vec<_> = tree
            .keys()
            .filter(|path| path.starts_with(&prefix))
            .cloned()
            .collect();
        for old in below {
            let mut new = to.to_vec();
            new.extend_from_slice(&old[from.len()..]);
            if let Some(node) = tree.remove(&old) {
                tree.insert(new, node);
            }
        }
        tree.remove(from);
        tree.insert(to.to_vec(), node);
        Ok(())
    }

    fn share(&self) -> (&str, bool) {
        (SHARE, !self.faults.detached.load(SeqCst))
    }
}

struct FakeFile {
    inode: u64,
    bytes: Arc<Mutex<Vec<u8>>>,
    how: Open,
    faults: Arc<Faults>,
    open: Arc<AtomicUsize>,
}

impl FakeFile {
    fn at_once(&self, len: usize) -> usize {
        match self.faults.short.load(SeqCst) {
            0 => len,
            short => len.min(short),
        }
    }
}

impl File for FakeFile {
    fn read_at(&mut self, offset: u64, out: &mut [u8]) -> Result<usize, Error> {
        if !self.how.read {
            return Err(EBADF);
        }
        let bad = self.faults.bad_from.load(SeqCst);
        if bad != 0 && offset >= bad as u64 {
            return Err(Error::Os(EIO));
        }
        let bytes = self.bytes.lock().unwrap();
        let from = (offset as usize).min(bytes.len());
        let len = self.at_once(out.len()).min(bytes.len() - from);
        out[..len].copy_from_slice(&bytes[from..from + len]);
        Ok(len)
    }

    fn write_at(&mut self, offset: u64, data: &[u8]) -> Result<usize, Error> {
        if !self.how.write {
            return Err(EBADF);
        }
        let mut len = self.at_once(data.len());
        let space = self.faults.space.load(SeqCst);
        if space >= 0 {
            len = len.min(space as usize);
            if len == 0 {
                return Err(ENOSPC);
            }
            self.faults.space.store(space - len as i64, SeqCst);
        }
        let mut bytes = self.bytes.lock().unwrap();
        let end = offset as usize + len;
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[offset as usize..end].copy_from_slice(&data[..len]);
        Ok(len)
    }

    fn stat(&mut self) -> Result<Stat, Error> {
        Ok(stat(
            self.inode,
            &Node::File(self.bytes.clone()),
            &self.faults,
        ))
    }

    fn sync(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl Drop for FakeFile {
    fn drop(&mut self) {
        self.open.fetch_sub(1, SeqCst);
    }
}
