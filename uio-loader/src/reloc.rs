//! Relocates a loaded image in place.
//!
//! Served is what a static position-independent x86-64 executable has: the
//! relocation kinds RELATIVE, 64 and GLOB_DAT with explicit addends (psABI
//! x86-64, section 4.4.1). Everything else is refused by name.

use crate::Error;
use crate::bytes::{array, u16_at, u64_at};
use crate::elf::Image;
use crate::load::range;

const DT_NULL: u64 = 0;
const DT_NEEDED: u64 = 1;
const DT_PLTRELSZ: u64 = 2;
const DT_SYMTAB: u64 = 6;
const DT_RELA: u64 = 7;
const DT_RELASZ: u64 = 8;
const DT_RELAENT: u64 = 9;
const DT_REL: u64 = 17;
const DT_RELR: u64 = 36;

const DYN_LEN: usize = 16;
const RELA_LEN: usize = 24;
const SYM_LEN: u64 = 24;

const R_64: u32 = 1;
const R_GLOB_DAT: u32 = 6;
const R_RELATIVE: u32 = 8;

const STB_WEAK: u8 = 2;
const SHN_UNDEF: u16 = 0;

/// Where the tables are, relative to the load address.
#[derive(Debug, Default)]
struct Tables {
    rela: u64,
    rela_len: u64,
    symbols: Option<u64>,
}

/// Relocates `memory`, which holds `image`, for the load address `base`.
///
/// # Errors
/// The first part of the dynamic section or relocation that is malformed, out
/// of range or of a kind that is not served. `memory` is then half relocated.
pub fn apply(image: &Image, memory: &mut [u8], base: u64) -> Result<(), Error> {
    let Some((address, len)) = image.dynamic else {
        return Ok(());
    };
    let dynamic = range(address, len)
        .and_then(|range| memory.get(range))
        .ok_or(Error::BadDynamic { tag: DT_NULL })?;
    let tables = Tables::parse(dynamic)?;
    if tables.rela_len == 0 {
        return Ok(());
    }
    // The table lies in read-only memory. Cutting it out lets it be read while
    // everything around it is written.
    let table = range(tables.rela, tables.rela_len)
        .filter(|table| table.end <= memory.len())
        .ok_or(Error::BadDynamic { tag: DT_RELA })?;
    let (below, rest) = memory.split_at_mut(table.start);
    let (relas, above) = rest.split_at_mut(table.end - table.start);
    let mut space = Space {
        below,
        above,
        above_start: table.end,
        base,
        symbols: tables.symbols,
    };
    let (mut relas, _) = relas.as_chunks();
    let mut index = 0;
    // Nearly all are of one kind and place: those go in runs.
    loop {
        let run = relative_run(relas, space.above, space.above_start as u64, base);
        index += run as u64;
        let Some((rela, rest)) = relas.get(run..).and_then(<[_]>::split_first) else {
            break;
        };
        space.apply(index, rela)?;
        index += 1;
        relas = rest;
    }
    Ok(())
}

impl Tables {
    fn parse(dynamic: &[u8]) -> Result<Self, Error> {
        let mut tables = Self::default();
        let mut has_rela = false;
        for entry in dynamic.chunks_exact(DYN_LEN) {
            let (Some(tag), Some(value)) = (u64_at(entry, 0), u64_at(entry, 8)) else {
                continue;
            };
            match tag {
                DT_NULL => break,
                DT_NEEDED => return Err(Error::NeedsLibraries),
                DT_SYMTAB => tables.symbols = Some(value),
                DT_RELA => {
                    tables.rela = value;
                    has_rela = true;
                }
                DT_RELASZ => tables.rela_len = value,
                DT_RELAENT if value != RELA_LEN as u64 => return Err(Error::BadDynamic { tag }),
                DT_PLTRELSZ if value != 0 => return Err(Error::UnsupportedDynamic { tag }),
                DT_REL | DT_RELR => return Err(Error::UnsupportedDynamic { tag }),
                _ => {}
            }
        }
        if tables.rela_len % RELA_LEN as u64 != 0 || (tables.rela_len != 0 && !has_rela) {
            return Err(Error::BadDynamic { tag: DT_RELASZ });
        }
        Ok(tables)
    }
}

/// One relocation as it is in the file: offset, kind and symbol, addend.
type Rela = [u8; RELA_LEN];

/// The offset, the kind (below) with the symbol (above), and the addend.
#[inline(always)]
fn fields(rela: &Rela) -> [u64; 3] {
    let (words, _) = rela.as_chunks::<8>();
    core::array::from_fn(|index| words.get(index).map_or(0, |word| u64::from_le_bytes(*word)))
}

/// Applies relocations of kind RELATIVE to `memory`, which begins at
/// `start` of the image, up to the first one of another kind or place.
///
/// Returns how many it applied. This loop is most of what the loader executes.
fn relative_run(relas: &[Rela], memory: &mut [u8], start: u64, base: u64) -> usize {
    const WORD: usize = size_of::<u64>();
    let Some(last) = memory.len().checked_sub(WORD) else {
        return 0;
    };
    let mut applied = 0;
    for rela in relas {
        let [offset, info, addend] = fields(rela);
        // An offset below `start` wraps to one far above `last`.
        let at = offset.wrapping_sub(start) as usize;
        if info != u64::from(R_RELATIVE) || at > last {
            break;
        }
        let Some(word) = memory.get_mut(at..at + WORD) else {
            break;
        };
        word.copy_from_slice(&base.wrapping_add(addend).to_le_bytes());
        applied += 1;
    }
    applied
}

/// The image's memory without its relocation table.
struct Space<'a> {
    below: &'a mut [u8],
    above: &'a mut [u8],
    above_start: usize,
    base: u64,
    symbols: Option<u64>,
}

impl Space<'_> {
    /// Applies any relocation.
    fn apply(&mut self, index: u64, rela: &Rela) -> Result<(), Error> {
        let [offset, info, addend] = fields(rela);
        let (kind, symbol) = (info as u32, (info >> 32) as u32);
        let value = match kind {
            R_RELATIVE => self.base.wrapping_add(addend),
            R_64 | R_GLOB_DAT => self.symbol_value(index, symbol, addend)?,
            kind => return Err(Error::RelocationKind { index, kind }),
        };
        *self
            .word(offset)
            .ok_or(Error::RelocationRange { index, offset })? = value.to_le_bytes();
        Ok(())
    }

    /// The eight bytes at `offset` of the image.
    fn word(&mut self, offset: u64) -> Option<&mut [u8; 8]> {
        let offset = usize::try_from(offset).ok()?;
        if let Some(above) = offset.checked_sub(self.above_start) {
            self.above.get_mut(above..)?.first_chunk_mut()
        } else {
            self.below.get_mut(offset..)?.first_chunk_mut()
        }
    }

    /// What `symbol` with `addend` is; an undefined weak symbol is null.
    fn symbol_value(&mut self, index: u64, symbol: u32, addend: u64) -> Result<u64, Error> {
        let at = self
            .symbols
            .and_then(|table| table.checked_add(u64::from(symbol) * SYM_LEN))
            .ok_or(Error::BadDynamic { tag: DT_SYMTAB })?;
        let entry = self
            .symbol_entry(at)
            .ok_or(Error::RelocationRange { index, offset: at })?;
        let [_, _, _, _, info, ..] = entry;
        if u16_at(&entry, 6) == Some(SHN_UNDEF) {
            return if info >> 4 == STB_WEAK {
                Ok(0)
            } else {
                Err(Error::UndefinedSymbol { index, symbol })
            };
        }
        let value = u64_at(&entry, 8).unwrap_or(0);
        Ok(self.base.wrapping_add(value).wrapping_add(addend))
    }

    /// The symbol table entry at `at`, which is not inside the relocation table.
    fn symbol_entry(&self, at: u64) -> Option<[u8; SYM_LEN as usize]> {
        let at = usize::try_from(at).ok()?;
        match at.checked_sub(self.above_start) {
            Some(above) => array(self.above, above),
            None => array(self.below, at),
        }
    }
}
