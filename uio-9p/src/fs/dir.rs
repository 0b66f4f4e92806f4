//! Listing directories.

use alloc::vec::Vec;

use super::session::Sink;
use super::{File, Mount};
use crate::error::Error;
use crate::msg::readdir::{Entries, Entry};
use crate::msg::{IO_HEADER, Treaddir, wire::Data};
use crate::types::flags::{O_DIRECTORY, O_RDONLY};

/// What is done with an entry; an error ends the listing.
pub type Visit<'v> = dyn FnMut(&Entry<'_>) -> Result<(), Error> + 'v;

impl Mount {
    /// Shows each entry of a directory but `.` and `..`. `visit` may use this mount.
    ///
    /// # Errors
    /// `ENOTDIR`, the server's, what went wrong on the way, or what `visit` says.
    pub fn readdir(&self, path: &[u8], visit: &mut Visit<'_>) -> Result<(), Error> {
        self.open(path, O_RDONLY | O_DIRECTORY, 0)?.readdir(visit)
    }
}

impl File {
    /// Shows each entry of an open directory but `.` and `..`. `visit` may use this mount.
    ///
    /// # Errors
    /// The server's, what went wrong on the way, or what `visit` says.
    pub fn readdir(&self, visit: &mut Visit<'_>) -> Result<(), Error> {
        let mut offset = 0;
        loop {
            let block = self.readdir_block(offset)?;
            let mut next = None;
            for entry in Entries::new(Data(&block)) {
                let entry = entry?;
                next = Some(entry.offset);
                if entry.name != b"." && entry.name != b".." {
                    visit(&entry)?;
                }
            }
            match next {
                None => return Ok(()),
                // The server would tell the same entries for ever.
                Some(next) if next == offset => return Err(Error::BadValue),
                Some(next) => offset = next,
            }
        }
    }

    /// Some entries from `offset` on, none at the end. Copied, so that no slot is held while they are looked at.
    fn readdir_block(&self, offset: u64) -> Result<Vec<u8>, Error> {
        let session = &self.handle.session;
        let count = session.ready()? - IO_HEADER;
        let request = Treaddir {
            fid: self.handle.fid,
            offset,
            count,
        };
        let mut block = Vec::new();
        session.call(&request, &mut Sink::Entries(&mut block))?;
        if block.len() > count as usize {
            return Err(Error::BadValue);
        }
        Ok(block)
    }
}
