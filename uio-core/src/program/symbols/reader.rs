//! Reading an index, a block at a time, without trusting a byte of it.

use alloc::boxed::Box;
use alloc::vec::Vec;

use uio_console::record::{Failure, NO_ARG, Part};

use super::format::{self, BLOCK, BODY, header};
use crate::files::{self, File};
use crate::program::Wanted;

/// Blocks that are read at once and held meanwhile, at most; no more than `Index::sound` has bits. A
/// read costs as much as some sixteen blocks that come along unasked.
const AT_ONCE: u32 = 16;

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

/// The header, which is a table of one block.
const HEADER: Table = Table {
    first: 0,
    blocks: 1,
};

/// An open index. Holds one block of it, more only while names are looked up.
pub struct Index {
    file: Box<dyn File>,
    /// The checksum of the header, which every other block's depends on.
    id: u64,
    seed: u64,
    names: Table,
    symbols: Table,
    fences: Table,
    reads: u32,
    /// Number of the first block that is held, and how many are.
    first: u32,
    held: u32,
    /// Which of these were found undamaged, a bit each.
    sound: u32,
    /// Them.
    blocks: Vec<u8>,
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
        let mut index = Box::new(Self {
            file,
            id: 0,
            seed: 0,
            names: Table::default(),
            symbols: Table::default(),
            fences: Table::default(),
            reads: 0,
            first: 0,
            held: 0,
            sound: 0,
            blocks: Vec::new(),
        });
        index.read_header(build_id, found)?;
        Ok(index)
    }

    fn read_header(&mut self, build_id: &[u8], found: &mut BuildId) -> Result<(), Error> {
        self.fill(0, 1)?;
        let block = &*self.blocks;
        if !block.starts_with(&format::MAGIC)
            || format::u32_at(block, header::VERSION) != format::VERSION
            || format::u32_at(block, header::BLOCK) != BLOCK as u32
        {
            return Err(Error::Damaged(Part::Header));
        }
        let block = self.block(HEADER, 0, 1)?;
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
        let names = Table::at(block, header::NAMES);
        let symbols = Table::at(block, header::SYMBOLS);
        let fences = Table::at(block, header::FENCES);
        let blocks = format::u64_at(block, header::LENGTH) / BLOCK as u64;
        if !(names.ends_before(blocks) && symbols.ends_before(blocks) && fences.ends_before(blocks))
            || fences.blocks as usize > header::TOP_LEN
        {
            return Err(Error::Damaged(Part::Tables));
        }
        let (seed, id) = (
            format::u64_at(block, header::SEED),
            format::u64_at(block, BODY),
        );
        (self.names, self.symbols, self.fences) = (names, symbols, fences);
        (self.seed, self.id) = (seed, id);
        Ok(())
    }

    /// Looks up all names at once that have no address yet. The image was loaded to `base`. Before
    /// each read of the file `go_on` says whether to go on.
    ///
    /// Blocks are read in the order of the file, each at most once, and neighbours (of
    /// [`AT_ONCE`] blocks) together.
    ///
    /// # Errors
    /// [`Error`], but for [`Error::Missing`]. Names that were found before have their addresses.
    pub fn look_up(
        &mut self,
        wanted: &mut [Wanted<'_>],
        base: u64,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<(), Error> {
        for name in wanted.iter_mut() {
            name.hash = match name.address {
                None => format::hash(self.seed, name.name),
                Some(_) => format::NO_HASH,
            };
        }
        let mut result = Ok(());
        while let Some((first, count)) = self.nearest(wanted)
            && result.is_ok()
            && go_on()
        {
            result = self.look_up_in(first, count, wanted, base);
        }
        self.blocks.truncate(BLOCK);
        self.blocks.shrink_to_fit();
        self.held = self.held.min(1);
        result
    }

    /// The first name block that is needed, and how many from there on hold all names that are wanted
    /// of the next [`AT_ONCE`].
    fn nearest(&self, wanted: &[Wanted<'_>]) -> Option<(u32, u32)> {
        let mut low = format::NO_HASH;
        for name in wanted {
            low = low.min(name.hash);
        }
        if low == format::NO_HASH || self.names.blocks == 0 {
            return None;
        }
        let first = self.name_block(low);
        let mut last = 0;
        for name in wanted {
            let ahead = self.name_block(name.hash) - first;
            if name.hash != format::NO_HASH && ahead < AT_ONCE {
                last = last.max(ahead);
            }
        }
        Some((first, last + 1))
    }

    /// Looks up the names that these blocks may hold.
    fn look_up_in(
        &mut self,
        first: u32,
        count: u32,
        wanted: &mut [Wanted<'_>],
        base: u64,
    ) -> Result<(), Error> {
        self.block(self.names, first, count)?;
        for name in wanted {
            let hash = name.hash;
            if hash != format::NO_HASH && self.name_block(hash) - first < count {
                let found = self.find(hash)?;
                name.address = found.map(|(address, _)| base + u64::from(address));
                name.hash = format::NO_HASH;
            }
        }
        Ok(())
    }

    /// What is known of the symbol with this name.
    ///
    /// # Errors
    /// [`Error`], but for [`Error::Missing`].
    pub fn symbol(&mut self, name: &[u8]) -> Result<Option<Symbol<'_>>, Error> {
        let hash = format::hash(self.seed, name);
        if self.names.blocks == 0 || hash == format::NO_HASH {
            return Ok(None);
        }
        let Some((address, reference)) = self.find(hash)? else {
            return Ok(None);
        };
        let slot = reference & ((1 << format::SLOT_BITS) - 1);
        let block = self.block(self.symbols, reference >> format::SLOT_BITS, 1)?;
        let symbol = entry(block, slot as usize)?;
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
            let fences = self.fences.blocks as usize;
            let top = &self.block(HEADER, 0, 1)?[header::TOP..BODY];
            let Some(found) = last_not_above(top, fences, address) else {
                return Ok(None);
            };
            fence = found;
        }
        let before = fence * format::FENCES;
        let left = (self.symbols.blocks as usize).saturating_sub(before);
        if left == 0 {
            return Ok(None);
        }
        let block = self.block(self.fences, fence as u32, 1)?;
        let Some(found) = last_not_above(block, left.min(format::FENCES), address) else {
            return Ok(None);
        };
        covering(
            self.block(self.symbols, (before + found) as u32, 1)?,
            address,
        )
    }

    /// How often the file was read so far, for one block or for neighbours.
    #[must_use]
    pub fn reads(&self) -> u32 {
        self.reads
    }

    /// Number of the name block for this hash among them.
    fn name_block(&self, hash: u64) -> u32 {
        format::name_block(hash, self.names.blocks)
    }

    /// Address and reference of the symbol whose name has this hash.
    fn find(&mut self, hash: u64) -> Result<Option<(u32, u32)>, Error> {
        let block = self.block(self.names, self.name_block(hash), 1)?;
        let entries = block[..BODY].as_chunks::<{ format::NAME_ENTRY }>().0;
        let Ok(at) = entries.binary_search_by_key(&hash, |entry| format::u64_at(entry, 0)) else {
            return Ok(None);
        };
        Ok(entries
            .get(at)
            .map(|entry| (format::u32_at(entry, 8), format::u32_at(entry, 12))))
    }

    /// Block `number` of a table, found undamaged. If it is not held, it is read, and up to `count`
    /// blocks from it on.
    #[inline(never)]
    fn block(&mut self, table: Table, number: u32, count: u32) -> Result<&[u8; BLOCK], Error> {
        if number >= table.blocks {
            return Err(Error::Damaged(Part::Entry));
        }
        let number = table.first + number;
        if number.wrapping_sub(self.first) >= self.held {
            self.fill(number, count)?;
        }
        let at = number.wrapping_sub(self.first);
        let Some(block) = self.blocks.as_chunks().0.get(at as usize) else {
            return Err(Error::Damaged(Part::Length));
        };
        if self.sound & 1 << at == 0 {
            let id = if number == 0 { 0 } else { self.id };
            let sum = format::checksum(id, number, &block[..BODY]);
            if sum != format::u64_at(block, BODY) || (number == 0 && self.id != 0 && self.id != sum)
            {
                return Err(Error::Damaged(Part::Checksum));
            }
            self.sound |= 1 << at;
        }
        Ok(block)
    }

    /// Reads `count` blocks; a single one where memory is short.
    fn fill(&mut self, number: u32, count: u32) -> Result<(), Error> {
        (self.held, self.sound) = (0, 0);
        self.reads = self.reads.wrapping_add(1);
        let mut size = count as usize * BLOCK;
        if let Some(more) = size.checked_sub(self.blocks.len())
            && self.blocks.try_reserve_exact(more).is_err()
        {
            size = BLOCK;
            if self.blocks.is_empty() {
                return Err(Error::Os(ENOMEM));
            }
        }
        if self.blocks.len() < size {
            self.blocks.resize(size, 0);
        }
        let start = u64::from(number) * BLOCK as u64;
        let mut have = 0;
        while let Some(rest) = self.blocks.get_mut(have..size)
            && !rest.is_empty()
        {
            match self.file.read_at(start + have as u64, rest)? {
                0 => return Err(Error::Damaged(Part::Length)),
                count => have += count,
            }
        }
        self.first = number;
        self.held = (size / BLOCK) as u32;
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
