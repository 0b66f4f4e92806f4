//! Reading a whole index on the host.

use std::path::Path;
use std::sync::Arc;

use uio_console::record::{Kind, Stat};
use uio_core::files::{self, File};
use uio_core::program::symbols::format::{
    self, BLOCK, BODY, FUNCTION, GLOBAL, KERNEL, SYMBOL_ENTRY, SYMBOL_HEAD, header,
};
use uio_core::program::symbols::{self as core_symbols, Error as IndexError};

use super::{PREFIX, names, near};
use crate::{Error, Result};

/// An index, held in memory. Names are looked up as the guest does it.
pub struct Index {
    bytes: Arc<[u8]>,
    reader: Box<core_symbols::Index>,
    symbols: Vec<Symbol>,
}

/// A symbol of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Its name in the image; the kernel's prefix is left out unless only that tells it from another.
    pub name: String,
    /// Where it is, relative to where the image is loaded to.
    pub address: u32,
    /// Bytes; 0 when unknown.
    pub size: u32,
    /// Whether it is code.
    pub function: bool,
    /// Whether it is global.
    pub global: bool,
    /// Whether it is the kernel's own.
    pub kernel: bool,
}

impl Symbol {
    /// Its Rust path without the hash at its end; its name if that is none.
    #[must_use]
    pub fn path(&self) -> String {
        let own = self.name.strip_prefix(PREFIX);
        match names::path(own.unwrap_or(&self.name).as_bytes()) {
            Some(path) if own.is_some() => format!("{PREFIX}{path}"),
            Some(path) => path,
            None => self.name.clone(),
        }
    }
}

impl From<core_symbols::Symbol<'_>> for Symbol {
    fn from(symbol: core_symbols::Symbol<'_>) -> Self {
        Self {
            name: String::from_utf8_lossy(symbol.name).into_owned(),
            address: symbol.address,
            size: symbol.size,
            function: symbol.flags & FUNCTION != 0,
            global: symbol.flags & GLOBAL != 0,
            kernel: symbol.flags & KERNEL != 0,
        }
    }
}

impl Index {
    /// Reads and checks an index.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Object`] naming the part that is damaged.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|error| Error::io(path, error))?;
        Self::from_bytes(bytes).map_err(|error| Error::Object {
            file: path.display().to_string(),
            reason: format!("{}; build the image again", describe(error)),
        })
    }

    /// Checks the bytes of an index.
    pub(super) fn from_bytes(bytes: Vec<u8>) -> std::result::Result<Self, IndexError> {
        let bytes: Arc<[u8]> = bytes.into();
        let build_id = build_id(&bytes).to_vec();
        let reader = core_symbols::Index::open(
            Box::new(Memory(Arc::clone(&bytes))),
            &build_id,
            &mut core_symbols::BuildId::new(),
        )?;
        let mut index = Self {
            bytes,
            reader,
            symbols: Vec::new(),
        };
        let first = format::u32_at(&index.bytes, header::SYMBOLS);
        for number in 0..format::u32_at(&index.bytes, header::SYMBOLS + 4) {
            let block = block(&index.bytes, first.saturating_add(number))?;
            for slot in 0..usize::from(format::u16_at(block, 0)) {
                index.symbols.push(symbol_at(block, slot)?);
            }
        }
        Ok(index)
    }

    /// Build id of the image that the index belongs to.
    #[must_use]
    pub fn build_id(&self) -> &[u8] {
        build_id(&self.bytes)
    }

    /// The symbols by address.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Symbol> {
        self.symbols.iter()
    }

    /// The symbol that this name or Rust path means.
    ///
    /// # Errors
    /// [`Error::Object`] naming the part of the index that is damaged.
    pub fn lookup(&mut self, name: &str) -> Result<Option<Symbol>> {
        let found = self.reader.symbol(name.as_bytes()).map_err(damaged)?;
        Ok(found.map(Symbol::from))
    }

    /// The symbol that covers this address, relative to where the image is loaded to.
    ///
    /// # Errors
    /// [`Error::Object`] naming the part of the index that is damaged.
    pub fn at(&mut self, address: u32) -> Result<Option<Symbol>> {
        let found = self.reader.at(address).map_err(damaged)?;
        Ok(found.map(Symbol::from))
    }

    /// At most `n` names that `name` may be a misspelling of, the likeliest first. A Rust path is compared as a whole and
    /// by its last part.
    #[must_use]
    pub fn near(&self, name: &str, n: usize) -> Vec<String> {
        let limit = near::limit(name.as_bytes());
        let last = |path: &str| path.rsplit("::").next().unwrap_or_default().to_owned();
        let mut found: Vec<(usize, bool, String)> = Vec::new();
        for symbol in &self.symbols {
            let path = symbol.path();
            let whole = near::distance(name.as_bytes(), path.as_bytes(), limit);
            let part = near::distance(name.as_bytes(), last(&path).as_bytes(), limit);
            if let Some(edits) = whole.into_iter().chain(part).min() {
                found.push((edits, whole.is_none(), path));
            }
        }
        found.sort();
        found.dedup_by(|a, b| a.2 == b.2);
        found.into_iter().take(n).map(|(_, _, path)| path).collect()
    }
}

fn build_id(bytes: &[u8]) -> &[u8] {
    let len = bytes
        .get(header::BUILD_ID_LEN)
        .map_or(0, |&len| usize::from(len).min(header::MAX_BUILD_ID));
    bytes
        .get(header::BUILD_ID..header::BUILD_ID + len)
        .unwrap_or(&[])
}

/// A checked block of the index.
fn block(bytes: &[u8], number: u32) -> std::result::Result<&[u8], IndexError> {
    use uio_console::record::Part;
    let from = number as usize * BLOCK;
    let block = bytes
        .get(from..from + BLOCK)
        .ok_or(IndexError::Damaged(Part::Length))?;
    let sum = format::checksum(format::u64_at(bytes, BODY), number, &block[..BODY]);
    if sum == format::u64_at(block, BODY) {
        Ok(&block[..BODY])
    } else {
        Err(IndexError::Damaged(Part::Checksum))
    }
}

fn symbol_at(block: &[u8], slot: usize) -> std::result::Result<Symbol, IndexError> {
    let damaged = IndexError::Damaged(uio_console::record::Part::Entry);
    let at = SYMBOL_HEAD + slot * SYMBOL_ENTRY;
    let entry = block.get(at..at + SYMBOL_ENTRY).ok_or(damaged)?;
    let from = usize::from(format::u16_at(entry, 8));
    let name = block
        .get(from..from + usize::from(format::u16_at(entry, 10)))
        .ok_or(damaged)?;
    Ok(core_symbols::Symbol {
        name,
        address: format::u32_at(entry, 0),
        size: format::u32_at(entry, 4),
        flags: entry[12],
    }
    .into())
}

fn damaged(error: IndexError) -> Error {
    Error::Object {
        file: "symbol index".into(),
        reason: describe(error),
    }
}

fn describe(error: IndexError) -> String {
    use uio_console::record::Part;
    match error {
        IndexError::Missing => "there is no symbol index".into(),
        IndexError::OtherBuild => "the symbol index names no build".into(),
        IndexError::Os(errno) => format!("cannot be read: error {errno}"),
        IndexError::Damaged(part) => match part {
            Part::Header => "not a symbol index, or one of another version".into(),
            Part::Tables => "a table of the symbol index reaches past its end".into(),
            Part::Length => "the symbol index is cut short".into(),
            Part::Entry => "an entry of the symbol index points outside of its table".into(),
            Part::Checksum => "a block of the symbol index does not give its checksum".into(),
        },
    }
}

/// Bytes as a file.
struct Memory(Arc<[u8]>);

impl File for Memory {
    fn read_at(&mut self, offset: u64, out: &mut [u8]) -> std::result::Result<usize, files::Error> {
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|offset| self.0.get(offset..))
            .unwrap_or(&[]);
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&mut self, _offset: u64, _data: &[u8]) -> std::result::Result<usize, files::Error> {
        Err(files::Error::Os(30))
    }

    fn stat(&mut self) -> std::result::Result<Stat, files::Error> {
        Ok(Stat {
            kind: Kind::File,
            mode: 0o400,
            size: self.0.len() as u64,
            modified_ns: 0,
            inode: 0,
            links: 1,
            uid: 0,
            gid: 0,
        })
    }

    fn sync(&mut self) -> std::result::Result<(), files::Error> {
        Ok(())
    }
}
