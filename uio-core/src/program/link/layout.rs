//! Where in the image everything goes.

use alloc::vec::Vec;
use core::ops::Range;

use object::LittleEndian as LE;
use uio_console::record::{ObjectError, SectionRule};

use super::elf::{Group, Object, PAGE, broken, group};
use super::resolve::{Home, Symbols, home};
use super::{Refusal, arch, filled};

/// In place of an offset in the image: the section is not loaded.
const NOT_LOADED: u32 = u32::MAX;

/// Offsets in an image.
pub struct Layout {
    places: Vec<u32>,
    /// First stub.
    pub stubs: usize,
    /// First slot of the GOT.
    pub got: usize,
    /// The executable part; the constants follow.
    pub text: Range<usize>,
    /// Writable sections with contents. They start the writable part.
    pub data: Range<usize>,
    /// Bytes of the image.
    pub size: usize,
}

/// Gives out offsets, from 0 up to a limit.
struct Cursor {
    at: u64,
    max: u64,
}

impl Cursor {
    fn take(&mut self, size: u64, align: u64) -> Result<usize, ObjectError<'static>> {
        let mask = align.max(1) - 1;
        let from = (self.at + mask) & !mask;
        let to = from.saturating_add(size);
        if to > self.max {
            let max = self.max;
            return Err(ObjectError::TooLarge { size: to, max });
        }
        self.at = to;
        Ok(from as usize)
    }
}

impl Layout {
    /// Places the sections and common symbols of an object, whose sections were checked, in an
    /// image of at most `max` bytes.
    pub fn new<'a>(
        object: &Object<'a>,
        symbols: &mut Symbols,
        max: usize,
    ) -> Result<Self, Refusal<'a>> {
        let mut layout = Self {
            places: filled(object.sections.len(), NOT_LOADED)?,
            stubs: 0,
            got: 0,
            text: 0..0,
            data: 0..0,
            size: 0,
        };
        let mut cursor = Cursor {
            at: 0,
            // Offsets fit 31 bits, so that one part of the image always reaches the others.
            max: (max as u64).min(i32::MAX as u64) & !(PAGE - 1),
        };
        let slots = u64::from(symbols.slots);
        layout.place(object, Group::Text, &mut cursor)?;
        layout.stubs = cursor.take(slots * arch::STUB as u64, arch::STUB as u64)?;
        layout.text.end = cursor.take(0, PAGE)?;
        layout.place(object, Group::Constants, &mut cursor)?;
        layout.got = cursor.take(slots * 8, 8)?;
        layout.data.start = cursor.take(0, PAGE)?;
        layout.place(object, Group::Data, &mut cursor)?;
        layout.data.end = cursor.take(0, 1)?;
        layout.place(object, Group::Zero, &mut cursor)?;
        place_commons(object, symbols, &mut cursor)?;
        layout.size = cursor.take(0, PAGE)?;
        Ok(layout)
    }

    /// Offset of a section, if it is loaded.
    pub fn place_of(&self, section: usize) -> Option<usize> {
        match self.places.get(section) {
            Some(&NOT_LOADED) | None => None,
            Some(&place) => Some(place as usize),
        }
    }

    fn place(
        &mut self,
        object: &Object<'_>,
        which: Group,
        cursor: &mut Cursor,
    ) -> Result<(), ObjectError<'static>> {
        for (section, place) in object.sections.iter().zip(&mut self.places) {
            if group(section) == Some(which) {
                *place = cursor.take(section.sh_size.get(LE), section.sh_addralign.get(LE))? as u32;
            }
        }
        Ok(())
    }
}

/// Sets memory aside for the common symbols, whose value is their alignment (gABI 4.1, `SHN_COMMON`).
fn place_commons(
    object: &Object<'_>,
    symbols: &mut Symbols,
    cursor: &mut Cursor,
) -> Result<(), ObjectError<'static>> {
    for (symbol, extra) in object.symbols.iter().zip(&mut symbols.extra) {
        if home(symbol)? != Home::Common {
            continue;
        }
        let align = symbol.st_value.get(LE);
        if align > PAGE || (align != 0 && !align.is_power_of_two()) {
            return Err(broken(
                usize::from(symbol.st_shndx.get(LE).0),
                SectionRule::Alignment,
            ));
        }
        extra.value = cursor.take(symbol.st_size.get(LE), align)? as u64;
    }
    Ok(())
}
