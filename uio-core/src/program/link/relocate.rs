//! Filling an image: contents, relocations, the global offset table and stubs.

use object::LittleEndian as LE;
use object::elf::SHT_NOBITS;
use uio_console::record::{ObjectError, SectionRule};

use super::arch;
use super::elf::{Object, Site, broken};
use super::kind::{Base, Kind};
use super::layout::Layout;
use super::resolve::{Extra, Home, NO_SLOT, Symbols, home};

/// An image that is being made.
pub struct Image<'i, 'a> {
    /// From what.
    pub object: &'i Object<'a>,
    /// Its symbols.
    pub symbols: &'i Symbols,
    /// Where things are in it.
    pub layout: &'i Layout,
    /// Its address.
    pub base: u64,
}

impl<'a> Image<'_, 'a> {
    /// Fills the image's memory.
    pub fn fill(&self, memory: &mut [u8]) -> Result<(), ObjectError<'a>> {
        for index in 0..self.object.sections.len() {
            let Some(place) = self.layout.place_of(index) else {
                continue;
            };
            let contents = self.object.contents(index)?;
            if let Some(to) = memory.get_mut(place..place + contents.len()) {
                to.copy_from_slice(contents);
            }
        }
        for (index, extra) in self.symbols.extra.iter().enumerate() {
            if extra.slot != NO_SLOT {
                let at = self.layout.got + extra.slot as usize * 8;
                put(memory, at, &self.address(index)?.to_le_bytes());
            }
        }
        self.object
            .relocations(&mut |site| self.apply(site, memory))
    }

    /// Address of a symbol.
    pub fn address(&self, index: usize) -> Result<u64, ObjectError<'a>> {
        let (Some(symbol), Some(extra)) = (
            self.object.symbols.get(index),
            self.symbols.extra.get(index),
        ) else {
            return Ok(0);
        };
        let value = symbol.st_value.get(LE);
        match home(symbol)? {
            Home::Outside if index != 0 && index == self.symbols.got => Ok(self.got()),
            Home::Outside => Ok(extra.value),
            Home::Absolute => Ok(value),
            Home::Common => Ok(self.base + extra.value),
            Home::Section(section) => {
                let Some(place) = self.layout.place_of(section) else {
                    return Err(broken(section, SectionRule::Loaded));
                };
                let size = self
                    .object
                    .sections
                    .get(section)
                    .map_or(0, |section| section.sh_size.get(LE));
                if value > size {
                    return Err(broken(section, SectionRule::SymbolInside));
                }
                Ok(self.base + place as u64 + value)
            }
        }
    }

    fn got(&self) -> u64 {
        self.base + self.layout.got as u64
    }

    fn apply(&self, site: Site<'a>, memory: &mut [u8]) -> Result<(), ObjectError<'a>> {
        let Some(kind) = arch::kind(site.kind()) else {
            return Ok(());
        };
        let len = usize::from(kind.bytes);
        let at = self.place_of(&site, len)?;
        let none = Extra {
            value: 0,
            slot: NO_SLOT,
        };
        let extra = self.symbols.extra.get(site.symbol).unwrap_or(&none);
        let place = self.base + at as u64;
        let addend = site.relocation.r_addend.get(LE) as u64;
        let slot = u64::from(extra.slot) * 8;
        let got = self.got();
        let value = match kind.base {
            Base::None => return Ok(()),
            Base::Absolute => self.address(site.symbol)?,
            Base::Relative | Base::Call => self.address(site.symbol)?.wrapping_sub(place),
            Base::Got => slot,
            Base::GotRelative => got.wrapping_add(slot).wrapping_sub(place),
            Base::GotBase => got.wrapping_sub(place),
            Base::GotOffset | Base::CallOffset => self.address(site.symbol)?.wrapping_sub(got),
            Base::Size => self
                .object
                .symbols
                .get(site.symbol)
                .map_or(0, |symbol| symbol.st_size.get(LE)),
        };
        let mut value = value.wrapping_add(addend);
        if !kind.fits(value) {
            let stub = self.stub(kind, extra.slot, at, memory);
            value = stub.map_or(value, |stub| stub.wrapping_add(addend).wrapping_sub(place));
        }
        if !kind.fits(value) {
            return Err(ObjectError::Overflow {
                kind: site.kind(),
                section: self.object.section_name(site.section),
                offset: site.offset(),
                symbol: self.object.symbol_name(site.symbol),
            });
        }
        put(memory, at, value.to_le_bytes().get(..len).unwrap_or(&[]));
        Ok(())
    }

    /// Offset in the image of the field that a relocation patches.
    fn place_of(&self, site: &Site<'a>, len: usize) -> Result<usize, ObjectError<'a>> {
        let inside = self.object.sections.get(site.section).and_then(|section| {
            if section.sh_type.get(LE) == SHT_NOBITS && len != 0 {
                return None;
            }
            let end = site.offset().checked_add(len as u64)?;
            if end > section.sh_size.get(LE) {
                return None;
            }
            Some(self.layout.place_of(site.section)? + site.offset() as usize)
        });
        inside.ok_or(ObjectError::OutsideSection {
            kind: site.kind(),
            section: self.object.section_name(site.section),
            offset: site.offset(),
        })
    }

    /// Address of the stub for the symbol with this slot, if the field at an offset may be led
    /// through one.
    fn stub(&self, kind: Kind, slot: u32, at: usize, memory: &mut [u8]) -> Option<u64> {
        if slot == NO_SLOT {
            return None;
        }
        let branch = kind.base == Base::Relative && arch::is_branch(memory.get(..at)?);
        if kind.base != Base::Call && !(branch && kind.bytes == 4) {
            return None;
        }
        let offset = self.layout.stubs + slot as usize * arch::STUB;
        let slot = self.layout.got + slot as usize * 8;
        put(memory, offset, &arch::stub((slot - offset) as u64)?);
        Some(self.base + offset as u64)
    }
}

fn put(memory: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(to) = memory.get_mut(at..at + bytes.len()) {
        to.copy_from_slice(bytes);
    }
}
