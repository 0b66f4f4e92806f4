//! Filling an image: contents, relocations, the global offset table and stubs.

use core::ops::Range;

use object::LittleEndian as LE;
use object::elf::SHT_NOBITS;
use uio_console::record::{ObjectError, SectionRule};

use super::arch;
use super::elf::{Group, Object, Site, Visit, group};
use super::kind::{Base, Kind};
use super::layout::Layout;
use super::report::Refused;
use super::resolve::{Extra, Home, NO_SLOT, Symbols, home};

/// An image that is being made.
pub struct Image<'i, 'r, 'a> {
    /// From what.
    pub object: &'i Object<'r, 'a>,
    /// Its symbols.
    pub symbols: &'i Symbols,
    /// Where things are in it.
    pub layout: &'i Layout,
    /// Its address.
    pub base: u64,
    /// Its memory.
    pub memory: &'i mut [u8],
}

impl Image<'_, '_, '_> {
    /// Fills the image's memory.
    pub fn fill(&mut self) -> Result<(), Refused> {
        let mut code = 0;
        for (index, section) in self.object.sections.iter().enumerate() {
            if let Some(place) = self.layout.place_of(index)
                && let Some(contents) = self.object.contents(section)
            {
                if group(section) == Some(Group::Text) {
                    self.pad(code..place);
                    code = place + section.sh_size.get(LE) as usize;
                }
                self.put(place, contents);
            }
        }
        self.pad(code..self.layout.stubs);
        for (index, extra) in self.symbols.extra.iter().enumerate() {
            if extra.slot != NO_SLOT {
                let at = self.layout.got + extra.slot as usize * 8;
                self.put(at, &self.address(index)?.to_le_bytes());
            }
        }
        self.object.relocations(self)
    }

    /// Address of a symbol.
    pub fn address(&self, index: usize) -> Result<u64, Refused> {
        let (Some(symbol), Some(extra)) = (
            self.object.symbols.get(index),
            self.symbols.extra.get(index),
        ) else {
            return Ok(0);
        };
        let value = symbol.st_value.get(LE);
        match home(symbol) {
            Home::Outside if index != 0 && index == self.symbols.got => Ok(self.got()),
            Home::Outside => Ok(extra.value),
            Home::Absolute => Ok(value),
            Home::Common => Ok(self.base + extra.value),
            Home::Section(section) => {
                let size = self
                    .object
                    .sections
                    .get(section)
                    .map_or(0, |section| section.sh_size.get(LE));
                let rule = match self.layout.place_of(section) {
                    None => SectionRule::Loaded,
                    Some(_) if value > size => SectionRule::SymbolInside,
                    Some(place) => return Ok(self.base + place as u64 + value),
                };
                Err(self.object.report.section(section, rule))
            }
        }
    }

    fn got(&self) -> u64 {
        self.base + self.layout.got as u64
    }

    /// Fills the space between sections of code with instructions that end the program.
    fn pad(&mut self, gap: Range<usize>) {
        if let Some(gap) = self.memory.get_mut(gap) {
            gap.fill(arch::PADDING);
        }
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        if let Some(to) = self.memory.get_mut(at..at + bytes.len()) {
            to.copy_from_slice(bytes);
        }
    }

    /// What a relocation computes, and offset in the image of the place that it patches.
    fn value(&self, site: &Site<'_>, base: Base, extra: Extra, at: usize) -> Result<u64, Refused> {
        let place = self.base + at as u64;
        let slot = u64::from(extra.slot) * 8;
        let (to, from) = match base {
            Base::None => (0, 0),
            Base::Absolute => (self.address(site.symbol)?, 0),
            Base::Relative | Base::Call => (self.address(site.symbol)?, place),
            Base::Slot => (slot, 0),
            Base::SlotRelative => (self.got() + slot, place),
            Base::TableRelative => (self.got(), place),
            Base::FromTable | Base::CallFromTable => (self.address(site.symbol)?, self.got()),
            Base::Size => (
                self.object
                    .symbols
                    .get(site.symbol)
                    .map_or(0, |symbol| symbol.st_size.get(LE)),
                0,
            ),
        };
        let addend = site.relocation.r_addend.get(LE) as u64;
        Ok(to.wrapping_sub(from).wrapping_add(addend))
    }

    /// Offset in the image of the field that a relocation patches.
    fn place_of(&self, site: &Site<'_>, len: usize) -> Option<usize> {
        let section = self.object.sections.get(site.section)?;
        let end = site.offset().checked_add(len as u64)?;
        if end > section.sh_size.get(LE) || section.sh_type.get(LE) == SHT_NOBITS {
            return None;
        }
        Some(self.layout.place_of(site.section)? + site.offset() as usize)
    }

    /// Distance to the stub for the symbol with this slot, if the field at an offset may be led
    /// through one.
    fn stub(&mut self, kind: Kind, slot: u32, at: usize) -> Option<u64> {
        if slot == NO_SLOT || kind.bytes != 4 {
            return None;
        }
        let branch = kind.base == Base::Relative && arch::is_branch(self.memory.get(..at)?);
        if kind.base != Base::Call && !branch {
            return None;
        }
        let offset = self.layout.stubs + slot as usize * arch::STUB;
        let slot = self.layout.got + slot as usize * 8;
        self.put(offset, &arch::stub((slot - offset) as u64)?);
        Some((offset as u64).wrapping_sub(at as u64))
    }
}

impl<'a> Visit<'a> for Image<'_, '_, 'a> {
    fn visit(&mut self, site: Site<'a>) -> Result<(), Refused> {
        let Some(kind) = arch::kind(site.kind()).filter(|kind| kind.base != Base::None) else {
            return Ok(());
        };
        let len = usize::from(kind.bytes);
        let Some(at) = self.place_of(&site, len) else {
            return Err(self.object.report.object(ObjectError::OutsideSection {
                kind: site.kind(),
                section: self.object.section_name(site.section),
                offset: site.offset(),
            }));
        };
        let extra = self
            .symbols
            .extra
            .get(site.symbol)
            .copied()
            .unwrap_or(Extra::NONE);
        let mut value = self.value(&site, kind.base, extra, at)?;
        if !kind.fits(value)
            && let Some(stub) = self.stub(kind, extra.slot, at)
        {
            value = stub.wrapping_add(site.relocation.r_addend.get(LE) as u64);
        }
        if !kind.fits(value) {
            return Err(self.object.report.object(ObjectError::Overflow {
                kind: site.kind(),
                section: self.object.section_name(site.section),
                offset: site.offset(),
                symbol: self.object.symbol_name(site.symbol),
            }));
        }
        self.put(at, value.to_le_bytes().get(..len).unwrap_or_default());
        Ok(())
    }
}
