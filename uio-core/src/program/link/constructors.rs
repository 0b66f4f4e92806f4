//! What runs before and after `main` (gABI 5.3, "Initialization and Termination Functions").

use alloc::vec::Vec;

use object::LittleEndian as LE;
use object::elf::{SHT_FINI_ARRAY, SHT_INIT_ARRAY, SHT_PREINIT_ARRAY};
use uio_console::record::SectionRule;

use super::relocate::Image;
use super::report::Refused;

/// Most constructors, and most destructors, of a program.
const MOST: usize = 1024;

/// An array of functions and when it runs: arrays with a number (`.init_array.101`) by that, then
/// those without; equal ones as they come.
type Array = (u32, usize);

/// Addresses of the constructors (or destructors), by the order of their arrays. As linkers do,
/// entries of 0 and -1 are passed over.
pub fn find(image: &Image<'_, '_, '_>, destructors: bool) -> Result<Vec<u64>, Refused> {
    let mut functions = Vec::new();
    let mut seen = 0;
    let mut done = None;
    // Each array has an entry at least, so the loop is as bounded as they are.
    while let Some(array) = next(image, destructors, done) {
        done = Some(array);
        let (_, index) = array;
        let place = image.layout.place_of(index).unwrap_or(0);
        let size = image
            .object
            .sections
            .get(index)
            .map_or(0, |section| section.sh_size.get(LE)) as usize;
        let entries = image.memory.get(place..place + size).unwrap_or_default();
        let (entries, rest) = entries.as_chunks::<8>();
        seen += entries.len();
        if !rest.is_empty() || seen > MOST {
            let rule = if seen > MOST {
                SectionRule::Constructor
            } else {
                SectionRule::EntrySize
            };
            return Err(image.object.report.section(index, rule));
        }
        image.object.report.reserve(&mut functions, entries.len())?;
        for entry in entries {
            let function = u64::from_le_bytes(*entry);
            if function == 0 || function == u64::MAX {
                continue;
            }
            if function.wrapping_sub(image.base) >= image.layout.text.end as u64 {
                return Err(image.object.report.section(index, SectionRule::Constructor));
            }
            functions.push(function);
        }
    }
    Ok(functions)
}

/// The first array that comes after `done`.
fn next(image: &Image<'_, '_, '_>, destructors: bool, done: Option<Array>) -> Option<Array> {
    let mut first = None;
    for (index, section) in image.object.sections.iter().enumerate() {
        let order = match (section.sh_type.get(LE), destructors) {
            (SHT_PREINIT_ARRAY, false) => 0,
            (SHT_INIT_ARRAY, false) | (SHT_FINI_ARRAY, true) => {
                priority(image.object.section_name(index))
            }
            _ => continue,
        };
        if section.sh_size.get(LE) == 0 || image.layout.place_of(index).is_none() {
            continue;
        }
        let array = (order, index);
        if done.is_none_or(|done| array > done) && first.is_none_or(|first| array < first) {
            first = Some(array);
        }
    }
    first
}

/// The number at the end of a section's name, plus one.
fn priority(name: &[u8]) -> u32 {
    let mut number = 1u32;
    let mut scale = 1u32;
    for &byte in name.iter().rev() {
        match byte {
            b'0'..=b'9' => {
                number = number.saturating_add(scale.saturating_mul((byte - b'0').into()));
                scale = scale.saturating_mul(10);
            }
            b'.' if scale > 1 => return number,
            _ => break,
        }
    }
    u32::MAX
}
