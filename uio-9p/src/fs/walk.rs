//! From a path to a fid.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Follow, Handle, Mount, path};
use crate::error::{Errno, Error, local};
use crate::msg::walk::Names;
use crate::msg::{MAX_NAMES, Rwalk, Twalk};
use crate::types::{Fid, Qid};

/// Most links followed in one path (`MAXSYMLINKS`).
const MAX_LINKS: usize = 40;

/// What a list of names leads to.
enum End {
    File(Handle, Qid),
    /// The name with this index is a symbolic link to follow.
    Link(usize),
}

/// What one `Twalk` came to.
#[derive(Clone, Copy, Default)]
struct Step {
    /// Names found.
    found: usize,
    /// What the last of them is.
    last: Qid,
    /// Index of the first that is a symbolic link.
    link: Option<usize>,
}

impl Step {
    fn of(reply: &[u8]) -> Result<Self, Error> {
        let qids = Rwalk::decode_fields(reply)?.qids;
        let mut step = Self::default();
        for qid in qids.iter() {
            step.last = qid;
            if qid.is_symlink() && step.link.is_none() {
                step.link = Some(step.found);
            }
            step.found += 1;
        }
        Ok(step)
    }
}

impl Mount {
    /// Walks to `path`.
    pub(super) fn walk(&self, path: &[u8], follow: Follow) -> Result<(Handle, Qid), Error> {
        self.walk_from_root(path::names(path)?, follow)
    }

    fn walk_from_root(&self, names: Vec<&[u8]>, follow: Follow) -> Result<(Handle, Qid), Error> {
        self.0.ready()?;
        let mut resolved: Vec<u8>;
        let mut names: Vec<&[u8]> = names;
        for _ in 0..=MAX_LINKS {
            match self.walk_names(&names, follow)? {
                End::File(handle, qid) => return Ok((handle, qid)),
                End::Link(at) => {
                    let path = self.follow(&names, at)?;
                    drop(names);
                    resolved = path;
                    names = path::names(&resolved)?;
                }
            }
        }
        local(Errno::ELOOP)
    }

    /// Walks to the directory that `path` lies in, and says the path's last name. Refuses the root with `root`.
    pub(super) fn walk_parent<'p>(
        &self,
        path: &'p [u8],
        root: Errno,
    ) -> Result<(Handle, &'p [u8]), Error> {
        let mut names = path::names(path)?;
        let Some(last) = names.pop() else {
            return local(root);
        };
        let (handle, qid) = self.walk_from_root(names, Follow::Yes)?;
        if !qid.is_dir() {
            return local(Errno::ENOTDIR);
        }
        Ok((handle, last))
    }

    /// A handle of the root, whose fid is never clunked.
    fn root(&self) -> Handle {
        Handle {
            session: Arc::clone(&self.0),
            fid: Fid::ROOT,
        }
    }

    /// A new fid for the same file, to be opened.
    pub(super) fn duplicate(&self, of: &Handle) -> Result<Handle, Error> {
        self.step(of, &[])?.0.ok_or(Error::BadValue)
    }

    /// The path that leads on from the link with this index.
    #[cold]
    fn follow(&self, names: &[&[u8]], at: usize) -> Result<Vec<u8>, Error> {
        match self.walk_names(names.get(..=at).unwrap_or_default(), Follow::No)? {
            End::File(handle, _) => {
                let mut target = Vec::new();
                handle.readlink(&mut target)?;
                Ok(path::resolve(names, at, &target))
            }
            // What was no link a moment ago is one now.
            End::Link(_) => local(Errno::ELOOP),
        }
    }

    /// Walks in steps of at most sixteen names, as far as a link that is to be followed.
    fn walk_names(&self, names: &[&[u8]], follow: Follow) -> Result<End, Error> {
        let mut at = self.root();
        let mut qid = Qid {
            kind: Qid::DIR,
            ..Qid::default()
        };
        let mut done = 0;
        let mut most = MAX_NAMES;
        while done < names.len() {
            let rest = names.get(done..).unwrap_or_default();
            let chunk = rest.get(..most.min(rest.len())).unwrap_or_default();
            let (next, step) = self.step(&at, chunk)?;
            let link = step.link.map(|index| done + index);
            match link {
                Some(index) if follow == Follow::Yes || index + 1 < names.len() => {
                    return Ok(End::Link(index));
                }
                _ => {}
            }
            match next {
                Some(handle) => {
                    at = handle;
                    qid = step.last;
                    done += chunk.len();
                }
                None if !step.last.is_dir() => return local(Errno::ENOTDIR),
                // The reply does not say what is wrong with the name that was not found: walk to the one before it,
                // and the next step's answer will.
                None => most = step.found,
            }
        }
        Ok(End::File(at, qid))
    }

    /// One `Twalk` to a new fid: its handle if every name was found.
    fn step(&self, from: &Handle, names: &[&[u8]]) -> Result<(Option<Handle>, Step), Error> {
        let fid = self.0.take_fid()?;
        let request = Twalk {
            fid: from.fid,
            newfid: fid,
            names: Names::List(names),
        };
        match self.0.ask(&request, Step::of) {
            Ok(step) if step.found == names.len() => {
                let handle = Handle {
                    session: Arc::clone(&self.0),
                    fid,
                };
                Ok((Some(handle), step))
            }
            Ok(step) if step.found > 0 && step.found < names.len() => {
                self.0.client.free_fid(fid);
                Ok((None, step))
            }
            Err(Error::Remote(errno)) => {
                self.0.client.free_fid(fid);
                Err(Error::Remote(errno))
            }
            // Including a server that finds nothing and does not say so with an error, or more than was asked for.
            other => {
                self.0.client.lose_fid(fid);
                Err(other.err().unwrap_or(Error::BadValue))
            }
        }
    }
}
