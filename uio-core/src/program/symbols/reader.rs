//! Reading an index, a block at a time, without trusting a byte of it.

use alloc::boxed::Box;
use alloc::vec::Vec;

use uio_console::record::{Failure, NO_ARG, Part};

use super::format::{self, BLOCK, BODY, header};
use crate::files::{self, File};

/// Names that stay resolved. A power of two.
const CACHED: usize = 16;

/// `ENOMEM` of Linux.
const ENOMEM: i32 = 12;

/// Why a symbol could not be looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// There is no index.
    Missing,
    /// The index belongs to another build.
    OtherBuild,
    /// The index is damaged.
    Damaged(Part),
    /// Reading it failed with this Linux error number.
    Os(i32),
}

/// The build id of an index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BuildId {
    bytes: [u8; header::MAX_BUILD_ID],
    len: u8,
}

impl BuildId {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: [0; header::MAX_BUILD_ID],
            len: 0,
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl Error {
    /// The same as a failure of a request, given the build ids of the index and of the running image.
    #[must_use]
    pub fn failure<'a>(&self, index: &'a BuildId, image: &'a [u8]) -> Failure<'a> {
        match *self {
            Self::Missing => Failure::NoSymbols,
            Self::OtherBuild => Failure::SymbolsOfAnotherBuild {
                index: index.as_bytes(),
                image,
            },
            Self::Damaged(part) => Failure::SymbolsDamaged { part },
            Self::Os(errno) => Failure::Os { arg: NO_ARG, errno },
        }
    }
}

impl From<files::Error> for Error {
    fn from(error: files::Error) -> Self {
        match error {
            files::Error::Os(2) | files::Error::NoShare => Self::Missing,
            files::Error::Os(errno) => Self::Os(errno),
        }
    }
}

/// A symbol. Addresses are relative to where the image was loaded to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol<'a> {
    /// Its name in the image, without the kernel's prefix unless only that tells it from another.
    pub name: &'a [u8],
    /// Where it is.
    pub address: u32,
    /// Bytes; 0 when unknown.
    pub size: u32,
    /// Sum of [`format::FUNCTION`], [`format::GLOBAL`], [`format::KERNEL`].
    pub flags: u8,
}

/// A table: number of its first block, and how many blocks it has.
#[derive(Clone, Copy, Default)]
struct Table {
    first: u32,
    blocks: u32,
}

impl Table {
    fn at(header: &[u8], at: usize) -> Self {
        Self {
            first: format::u32_at(header, at),
            blocks: format::u32_at(header, at + 4),
        }
    }

    fn ends_before(&self, blocks: u64) -> bool {
        self.first != 0 && u64::from(self.first) + u64::from(self.blocks) <= blocks
    }
}

/// An open index. Holds one block of it.
pub struct Index {
    file: Box<dyn File>,
    /// The checksum of the header, which every other block's depends on.
    id: u64,
    seed: u64,
    names: Table,
    symbols: Table,
    fences: Table,
    held: u32,
    reads: u32,
    cache: [(u64, u32); CACHED],
    block: Box<[u8; BLOCK]>,
}

impl Index {
    /// Reads the header of the index in `file`, which must be of the build `build_id`. `found` is set
    /// to the build that it is of.
    ///
    /// # Errors
    /// [`Error`], but for [`Error::Missing`].
    pub fn open(
        file: Box<dyn File>,
        build_id: &[u8],
        found: &mut BuildId,
    ) -> Result<Box<Self>, Error> {
        let mut block = Vec::new();
        if block.try_reserve_exact(BLOCK).is_err() {
            return Err(Error::Os(ENOMEM));
        }
        block.resize(BLOCK, 0);
        let Ok(block) = block.into_boxed_slice().try_into() else {
            return Err(Error::Os(ENOMEM));
        };
        let mut index = Box::new(Self {
            file,
            id: 0,
            seed: 0,
            names: Table::default(),
            symbols: Table::default(),
            fences: Table::default(),
            held: u32::MAX,
            reads: 0,
            cache: [(format::NO_HASH, 0); CACHED],
            block,
        });
        index.read_header(build_id, found)?;
        Ok(index)
    }

    fn read_header(&mut self, build_id: &[u8], found: &mut BuildId) -> Result<(), Error> {
        self.fill(0)?;
        let block = &*self.block;
        if !block.starts_with(&format::MAGIC)
            || format::u32_at(block, header::VERSION) != format::VERSION
            || format::u32_at(block, header::BLOCK) != BLOCK as u32
        {
            return Err(Error::Damaged(Part::Header));
        }
        self.check(0)?;
        let block = &*self.block;
        if let Some(bytes) = block
            .get(header::BUILD_ID..)
            .and_then(|rest| rest.first_chunk())
        {
            found.bytes = *bytes;
            found.len = block[header::BUILD_ID_LEN].min(header::MAX_BUILD_ID as u8);
        }
        if found.as_bytes() != build_id || build_id.is_empty() {
            return Err(Error::OtherBuild);
        }
        self.names = Table::at(block, header::NAMES);
        self.symbols = Table::at(block, header::SYMBOLS);
        self.fences = Table::at(block, header::FENCES);
        let blocks = format::u64_at(block, header::LENGTH) / BLOCK as u64;
        if !(self.names.ends_before(blocks)
            && self.symbols.ends_before(blocks)
            && self.fences.ends_before(blocks))
            || self.fences.blocks as usize > header::TOP_LEN
        {
            return Err(Error::Damaged(Part::Tables));
        }
        self.seed = format::u64_at(block, header::SEED);
        self.id = format::u64_at(block, BODY);
        Ok(())
    }

    /// Address of the symbol with this name, relative to where the image was loaded to.
    ///
    /// # Errors
    /// [`Error`], but for [`Error::Missing`].
    pub fn lookup(&mut self, name: &[u8]) -> Result<Option<u32>, Error> {
        let hash = format::hash(self.seed, name);
        let slot = hash as usize % CACHED;
        if let Some(&(cached, address)) = self.cache.get(slot)
            && cached == hash
        {
            return Ok(Some(address));
        }
        let Some((address, _)) = self.find(hash)? else {
            return Ok(None);
        };
        if let Some(cached) = self.cache.get_mut(slot) {
            *cached = (hash, address);
        }
        Ok(Some(address))
    }

    /// What is known of the symbol with this name.
    ///
    /// # Errors
    /// [`Error`], but for [`Error::Missing`].
    pub fn symbol(&mut self, name: &[u8]) -> Result<Option<Symbol<'_>>, Error> {
        let hash = format::hash(self.seed, name);
        let Some((address, reference)) = self.find(hash)? else {
            return Ok(None);
        };
        let slot = reference & ((1 << format::SLOT_BITS) - 1);
        self.read(self.symbols, reference >> format::SLOT_BITS)?;
        let symbol = entry(&self.block, slot as usize)?;
        if symbol.address != address {
            return Err(Error::Damaged(Part::Entry));
        }
        Ok(Some(symbol))
    }

    /// The symbol that covers this address: the last one that starts at or before it and does not
    /// end before it. A symbol without a size reaches to the next one.
    ///
    /// # Errors
    /// [`Error`], but for [`Error::Missing`].
    pub fn at(&mut self, address: u32) -> Result<Option<Symbol<'_>>, Error> {
        let mut fence = 0;
        if self.fences.blocks > 1 {
            self.read(
                Table {
                    first: 0,
                    blocks: 1,
                },
                0,
            )?;
            let top = &self.block[header::TOP..BODY];
            let Some(found) = last_not_above(top, self.fences.blocks as usize, address) else {
                return Ok(None);
            };
            fence = found;
        }
        let before = fence * format::FENCES;
        let left = (self.symbols.blocks as usize).saturating_sub(before);
        if left == 0 {
            return Ok(None);
        }
        self.read(self.fences, fence as u32)?;
        let Some(found) = last_not_above(&*self.block, left.min(format::FENCES), address) else {
            return Ok(None);
        };
        self.read(self.symbols, (before + found) as u32)?;
        covering(&self.block, address)
    }

    /// How many blocks were read from the file so far.
    #[must_use]
    pub fn reads(&self) -> u32 {
        self.reads
    }

    /// Address and reference of the symbol whose name has this hash.
    fn find(&mut self, hash: u64) -> Result<Option<(u32, u32)>, Error> {
        if self.names.blocks == 0 || hash == format::NO_HASH {
            return Ok(None);
        }
        self.read(self.names, format::name_block(hash, self.names.blocks))?;
        let entries = self.block[..BODY].as_chunks::<{ format::NAME_ENTRY }>().0;
        let Ok(at) = entries.binary_search_by_key(&hash, |entry| format::u64_at(entry, 0)) else {
            return Ok(None);
        };
        Ok(entries
            .get(at)
            .map(|entry| (format::u32_at(entry, 8), format::u32_at(entry, 12))))
    }

    /// Brings block `number` of a table to `self.block`.
    fn read(&mut self, table: Table, number: u32) -> Result<(), Error> {
        if number >= table.blocks {
            return Err(Error::Damaged(Part::Entry));
        }
        let number = table.first + number;
        if self.held == number {
            return Ok(());
        }
        self.fill(number)?;
        self.check(number)
    }

    fn fill(&mut self, number: u32) -> Result<(), Error> {
        self.held = u32::MAX;
        self.reads = self.reads.wrapping_add(1);
        let start = u64::from(number) * BLOCK as u64;
        let mut have = 0;
        while let Some(rest) = self.block.get_mut(have..)
            && !rest.is_empty()
        {
            match self.file.read_at(start + have as u64, rest)? {
                0 => return Err(Error::Damaged(Part::Length)),
                count => have += count,
            }
        }
        Ok(())
    }

    fn check(&mut self, number: u32) -> Result<(), Error> {
        let id = if number == 0 { 0 } else { self.id };
        let sum = format::checksum(id, number, &self.block[..BODY]);
        if sum != format::u64_at(&*self.block, BODY)
            || (number == 0 && self.id != 0 && self.id != sum)
        {
            return Err(Error::Damaged(Part::Checksum));
        }
        self.held = number;
        Ok(())
    }
}

/// Place of the last of `count` numbers of 4 bytes that is not above `address`.
fn last_not_above(numbers: &[u8], count: usize, address: u32) -> Option<usize> {
    let numbers = numbers.as_chunks::<4>().0;
    let numbers = numbers.get(..count).unwrap_or(numbers);
    numbers
        .partition_point(|number| u32::from_le_bytes(*number) <= address)
        .checked_sub(1)
}

/// The entry of a symbol block in that place.
fn entry(block: &[u8; BLOCK], slot: usize) -> Result<Symbol<'_>, Error> {
    if slot >= usize::from(format::u16_at(block, 0)) {
        return Err(Error::Damaged(Part::Entry));
    }
    let at = format::SYMBOL_HEAD + slot * format::SYMBOL_ENTRY;
    let from = usize::from(format::u16_at(block, at + 8));
    let to = from + usize::from(format::u16_at(block, at + 10));
    match (block[..BODY].get(from..to), block.get(at + 12)) {
        (Some(name), Some(&flags)) => Ok(Symbol {
            name,
            address: format::u32_at(block, at),
            size: format::u32_at(block, at + 4),
            flags,
        }),
        _ => Err(Error::Damaged(Part::Entry)),
    }
}

/// The symbol of a block that covers an address.
fn covering(block: &[u8; BLOCK], address: u32) -> Result<Option<Symbol<'_>>, Error> {
    let mut last = true;
    for slot in (0..usize::from(format::u16_at(block, 0))).rev() {
        let symbol = entry(block, slot)?;
        let Some(offset) = address.checked_sub(symbol.address) else {
            continue;
        };
        if offset < symbol.size || (symbol.size == 0 && last) {
            return Ok(Some(symbol));
        }
        last = false;
    }
    Ok(None)
}
