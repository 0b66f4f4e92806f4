//! The server: one reply a request.

use std::collections::HashMap;

use super::tree::{ROOT, Tree};
use crate::error::{Errno, Error};
use crate::msg::wire::{Data, Str};
use crate::msg::*;
use crate::types::{Fid, Qid, Tag};

/// What a fid stands for.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) node: u64,
    /// Directory and name that it was reached by, for `Tremove` and `Trename`.
    pub(super) place: Option<(u64, Vec<u8>)>,
    /// Flags it was opened with.
    pub(super) open: Option<u32>,
    /// An extended attribute: its name, its value, and whether it is being written.
    pub(super) xattr: Option<(Vec<u8>, Vec<u8>, bool)>,
}

/// A 9P2000.L server in memory.
#[derive(Debug, Default)]
pub struct Server {
    /// Its files.
    pub tree: Tree,
    /// The fids it knows.
    pub(super) fids: HashMap<u32, Held>,
    /// Largest message it agrees to, in bytes; 0 for no limit.
    pub max_msize: u32,
    /// Most bytes in one read; 0 for no limit.
    pub max_read: usize,
    /// What it says a file's `iounit` is.
    pub iounit: u32,
    msize: u32,
    /// Types of the requests served, in order.
    pub served: Vec<u8>,
}

/// A reply's bytes, or an error to be sent instead.
pub(super) type Outcome = Result<Vec<u8>, Errno>;

/// A whole message, of any length.
pub(super) fn message(tag: Tag, message: &impl Message) -> Vec<u8> {
    let mut out = vec![0; 1024];
    loop {
        match message.encode(tag, &mut out) {
            Ok(len) => {
                out.truncate(len);
                return out;
            }
            Err(Error::BufferFull { need, .. }) => out.resize(need as usize, 0),
            Err(error) => panic!("the fake server made a bad reply: {error:?}"),
        }
    }
}

impl Server {
    /// A server with an empty root.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of fids the client has.
    #[must_use]
    pub fn fids(&self) -> usize {
        self.fids.len()
    }

    /// Forgets every fid but the root's.
    pub fn forget_all_but_root(&mut self) {
        self.fids.retain(|fid, _| *fid == Fid::ROOT.0);
    }

    /// Serves one request.
    pub fn serve(&mut self, request: &[u8]) -> Vec<u8> {
        let Ok(header) = Header::of(request) else {
            return message(Tag::NONE, &Rlerror { ecode: 71 });
        };
        self.served.push(header.kind);
        let tag = header.tag;
        let outcome = match header.kind {
            Tversion::KIND | Tattach::KIND | Tauth::KIND | Tflush::KIND | Twalk::KIND => {
                self.session(header.kind, tag, request)
            }
            Tlopen::KIND
            | Tlcreate::KIND
            | Tread::KIND
            | Twrite::KIND
            | Treaddir::KIND
            | Tfsync::KIND
            | Tclunk::KIND => self.files(header.kind, tag, request),
            Tgetattr::KIND
            | Tsetattr::KIND
            | Tstatfs::KIND
            | Treadlink::KIND
            | Txattrwalk::KIND
            | Txattrcreate::KIND
            | Tlock::KIND
            | Tgetlock::KIND => self.attributes(header.kind, tag, request),
            _ => self.names(header.kind, tag, request),
        };
        outcome.unwrap_or_else(|errno| {
            let ecode = errno.0.unsigned_abs();
            message(tag, &Rlerror { ecode })
        })
    }

    fn session(&mut self, kind: u8, tag: Tag, request: &[u8]) -> Outcome {
        match kind {
            Tversion::KIND => {
                let asked = Tversion::decode(request).map_err(bad)?;
                let most = if self.max_msize == 0 {
                    u32::MAX
                } else {
                    self.max_msize
                };
                self.msize = asked.msize.min(most);
                self.fids.clear();
                let known = asked.version.0 == version::DIALECT;
                let version = Str(if known { version::DIALECT } else { b"unknown" });
                let msize = self.msize;
                Ok(message(tag, &Rversion { msize, version }))
            }
            Tattach::KIND => {
                let fid = Tattach::decode(request).map_err(bad)?.fid;
                let root = Held {
                    node: ROOT,
                    place: None,
                    open: None,
                    xattr: None,
                };
                self.insert(fid, root)?;
                let qid = self.tree.qid(ROOT)?;
                Ok(message(tag, &Rattach { qid }))
            }
            Tflush::KIND => {
                Tflush::decode(request).map_err(bad)?;
                Ok(message(tag, &Rflush {}))
            }
            Twalk::KIND => self.walk(tag, &Twalk::decode(request).map_err(bad)?),
            // Authentication is not needed.
            _ => Err(Errno::EOPNOTSUPP),
        }
    }

    fn walk(&mut self, tag: Tag, walk: &Twalk<'_>) -> Outcome {
        let mut held = self.held(walk.fid)?.clone();
        if held.open.is_some() {
            return Err(Errno::EINVAL);
        }
        if walk.newfid != walk.fid && self.fids.contains_key(&walk.newfid.0) {
            return Err(Errno::EBADF);
        }
        let mut qids = Vec::new();
        let mut complete = true;
        for name in walk.names.iter() {
            let next = self
                .tree
                .dir(held.node)
                .and_then(|dir| dir.get(name).copied().ok_or(Errno::ENOENT));
            match next {
                Ok(node) => {
                    held.place = Some((held.node, name.to_vec()));
                    held.node = node;
                    put_qid(&mut qids, self.tree.qid(node)?);
                }
                Err(errno) if qids.is_empty() => return Err(errno),
                Err(_) => {
                    complete = false;
                    break;
                }
            }
        }
        if complete {
            self.fids.insert(walk.newfid.0, held);
        }
        let qids = walk::Qids(&qids);
        Ok(message(tag, &Rwalk { qids }))
    }

    pub(super) fn insert(&mut self, fid: Fid, held: Held) -> Result<(), Errno> {
        if self.fids.contains_key(&fid.0) {
            return Err(Errno::EBADF);
        }
        self.fids.insert(fid.0, held);
        Ok(())
    }

    pub(super) fn held(&self, fid: Fid) -> Result<&Held, Errno> {
        self.fids.get(&fid.0).ok_or(Errno::EBADF)
    }

    pub(super) fn held_mut(&mut self, fid: Fid) -> Result<&mut Held, Errno> {
        self.fids.get_mut(&fid.0).ok_or(Errno::EBADF)
    }

    /// Bytes of data that a reply can hold.
    pub(super) fn room(&self) -> usize {
        self.msize as usize - HEADER - 4
    }

    pub(super) fn data(tag: Tag, bytes: &[u8]) -> Vec<u8> {
        message(tag, &Rread { data: Data(bytes) })
    }
}

/// A request that cannot be decoded.
pub(super) fn bad(_: Error) -> Errno {
    Errno::EPROTO
}

fn put_qid(to: &mut Vec<u8>, qid: Qid) {
    let mut bytes = [0; Qid::LEN];
    let mut writer = wire::Writer::new(&mut bytes);
    wire::Wire::put(&qid, &mut writer);
    to.extend_from_slice(&bytes);
}
