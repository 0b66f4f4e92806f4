//! A look at the finished code, for instructions that a program must not have.

use object::LittleEndian as LE;
use object::elf::{STT_FUNC, STT_NOTYPE};

use super::elf::{Group, group};
use super::relocate::Image;
use super::report::Refused;
use super::resolve::{Home, home};
use super::{Code, Surroundings};
use crate::isolation::Forbidden;

/// Bytes behind the code that may be read as a part of its last instruction.
const BEHIND: usize = 15;

/// Bytes that are shown of an instruction, of the one that it is in, and behind.
const SHOWN: usize = 30;

/// Refuses an image whose code has an instruction that it must not have.
pub fn inspect(image: &Image<'_, '_, '_>, around: &mut dyn Surroundings) -> Result<(), Refused> {
    let layout = image.layout;
    let end = layout.text.end.min(layout.code + BEHIND);
    let code = image.memory.get(..end).unwrap_or_default();
    match around.forbidden(code) {
        None => Ok(()),
        Some(found) => {
            refuse(image, around, found);
            Err(Refused)
        }
    }
}

/// Tells the surroundings where the instruction is.
#[cold]
#[inline(never)]
fn refuse(image: &Image<'_, '_, '_>, around: &mut dyn Surroundings, found: Forbidden) {
    let from = found.offset.saturating_sub(found.within.into());
    let bytes = image.memory.get(from..).unwrap_or_default();
    let mut code = Code {
        found,
        section: &[],
        function: &[],
        start: 0,
        bytes: bytes.get(..SHOWN).unwrap_or(bytes),
    };
    for (index, section) in image.object.sections.iter().enumerate() {
        if group(section) == Some(Group::Text)
            && let Some(place) = image.layout.place_of(index)
            && let Some(offset) = found.offset.checked_sub(place)
            && (offset as u64) < section.sh_size.get(LE)
        {
            code.found.offset = offset;
            code.section = image.object.section_name(index);
            function(image, index, &mut code);
        }
    }
    around.refused(&code);
}

/// Finds the last function, or label, of a section that begins before the instruction.
fn function<'c, 'a: 'c>(image: &Image<'_, '_, 'a>, section: usize, code: &mut Code<'c>) {
    for (index, symbol) in image.object.symbols.iter().enumerate() {
        let kind = symbol.st_info.0 & 0xf;
        let start = symbol.st_value.get(LE);
        if home(symbol) == Home::Section(section)
            && (kind == STT_FUNC.0 || kind == STT_NOTYPE.0)
            && start <= code.found.offset as u64
            && (start > code.start || code.function.is_empty())
        {
            code.start = start;
            code.function = image.object.symbol_name(index);
        }
    }
}
