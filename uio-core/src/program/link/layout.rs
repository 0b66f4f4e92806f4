//! Where in the image everything goes.

use alloc::vec::Vec;
use core::ops::Range;

use object::LittleEndian as LE;
use object::elf::SHN_COMMON;
use uio_console::record::{ObjectError, SectionRule};

use super::arch;
use super::elf::{Group, Object, PAGE, group, is_alignment};
use super::report::Refused;
use super::resolve::{Home, Symbols, home};

/// In place of an offset in the image: the section is not loaded.
const NOT_LOADED: u32 = u32::MAX;

/// Offsets in an image.
pub struct Layout {
    /// Offset of each section; far beyond the image for one that is not loaded.
    pub places: Vec<u32>,
    /// First stub.
    pub stubs: usize,
    /// First slot of the GOT.
    pub got: usize,
    /// Where code ends; zeroes follow up to the end of the executable part.
    pub code: usize,
    /// The executable part; the constants follow.
    pub text: Range<usize>,
    /// Writable sections with contents. They start the writable part.
    pub data: Range<usize>,
    /// Bytes of the image.
    pub size: usize,
}

/// Gives out offsets from 0 on. At the end of the numbers it stays there.
struct Cursor(u64);

impl Cursor {
    fn take(&mut self, size: u64, align: u64) -> usize {
        let mask = align.max(1) - 1;
        let from = self.0.saturating_add(mask) & !mask;
        self.0 = from.saturating_add(size);
        from as usize
    }
}

impl Layout {
    /// Places the sections and common symbols of an object in an image of at most `max` bytes.
    pub fn new(
        object: &Object<'_, '_>,
        symbols: &mut Symbols,
        max: usize,
    ) -> Result<Self, Refused> {
        let mut layout = Self {
            places: Vec::new(),
            stubs: 0,
            got: 0,
            code: 0,
            text: 0..0,
            data: 0..0,
            size: 0,
        };
        let len = object.sections.len();
        object.report.reserve(&mut layout.places, len)?;
        layout.places.resize(len, NOT_LOADED);
        let mut cursor = Cursor(0);
        let slots = u64::from(symbols.slots);
        for which in [Group::Text, Group::Constants, Group::Data, Group::Zero] {
            for (section, place) in object.sections.iter().zip(&mut layout.places) {
                if group(section) == Some(which) {
                    *place =
                        cursor.take(section.sh_size.get(LE), section.sh_addralign.get(LE)) as u32;
                }
            }
            match which {
                Group::Text => {
                    layout.stubs = cursor.take(slots * arch::STUB as u64, arch::STUB as u64);
                    layout.code = cursor.0 as usize;
                    layout.text.end = cursor.take(0, PAGE);
                }
                Group::Constants => {
                    layout.got = cursor.take(slots * 8, 8);
                    layout.data.start = cursor.take(0, PAGE);
                }
                Group::Data => layout.data.end = cursor.0 as usize,
                Group::Zero => {}
            }
        }
        // The value of a common symbol is its alignment (gABI 4.1, `SHN_COMMON`).
        for (symbol, extra) in object.symbols.iter().zip(&mut symbols.extra) {
            if home(symbol) == Home::Common {
                let align = symbol.st_value.get(LE);
                if !is_alignment(align) {
                    return Err(object
                        .report
                        .section(SHN_COMMON.0.into(), SectionRule::Alignment));
                }
                extra.value = cursor.take(symbol.st_size.get(LE), align) as u64;
            }
        }
        layout.size = cursor.take(0, PAGE);
        // Offsets fit 31 bits, so that one part of the image always reaches the others.
        let max = (max as u64).min(i32::MAX as u64);
        if cursor.0 > max {
            let size = cursor.0;
            return Err(object.report.object(ObjectError::TooLarge { size, max }));
        }
        Ok(layout)
    }

    /// Offset of a section, if it is loaded.
    pub fn place_of(&self, section: usize) -> Option<usize> {
        match self.places.get(section) {
            Some(&NOT_LOADED) | None => None,
            Some(&place) => Some(place as usize),
        }
    }
}
