//! What runs before and after `main` (gABI 5.3, "Initialization and Termination Functions").

use alloc::vec::Vec;

use object::LittleEndian as LE;
use object::elf::{SHT_FINI_ARRAY, SHT_INIT_ARRAY, SHT_PREINIT_ARRAY};
use uio_console::record::SectionRule;

use super::relocate::Image;
use super::report::Refused;

/// Most constructors, and most destructors, of a program.
const MOST: usize = 1024;

/// An array of functions.
struct Array {
    /// When it runs: arrays with a number (`.init_array.101`) by that, then those without; equal
    /// ones as they come.
    order: u32,
    /// Index of its section.
    section: usize,
    /// Bytes of it.
    size: usize,
}

/// Addresses of the constructors (or destructors), by the order of their arrays. As linkers do,
/// entries of 0 and -1 are passed over.
pub fn find(image: &Image<'_, '_, '_>, destructors: bool) -> Result<Vec<u64>, Refused> {
    let report = image.object.report;
    let mut functions = Vec::new();
    for array in arrays(image, destructors)? {
        let place = image.layout.place_of(array.section).unwrap_or(0);
        let entries = image.memory.get(place..place + array.size);
        let entries = entries.unwrap_or_default().as_chunks::<8>().0;
        report.reserve(&mut functions, entries.len())?;
        for entry in entries {
            let function = u64::from_le_bytes(*entry);
            if function == 0 || function == u64::MAX {
                continue;
            }
            if function.wrapping_sub(image.base) >= image.layout.text.end as u64 {
                return Err(report.section(array.section, SectionRule::Constructor));
            }
            functions.push(function);
        }
    }
    Ok(functions)
}

/// The arrays that are not empty, in the order in which they run.
fn arrays(image: &Image<'_, '_, '_>, destructors: bool) -> Result<Vec<Array>, Refused> {
    let report = image.object.report;
    let mut arrays: Vec<Array> = Vec::new();
    let mut functions = 0;
    for (index, section) in image.object.sections.iter().enumerate() {
        let numbered = match (section.sh_type.get(LE), destructors) {
            (SHT_PREINIT_ARRAY, false) => false,
            (SHT_INIT_ARRAY, false) | (SHT_FINI_ARRAY, true) => true,
            _ => continue,
        };
        let size = section.sh_size.get(LE) as usize;
        if size == 0 || image.layout.place_of(index).is_none() {
            continue;
        }
        functions += size / 8;
        let rule = if functions > MOST {
            SectionRule::Constructor
        } else {
            SectionRule::EntrySize
        };
        // So each array has a function at least, and the arrays are as bounded as these.
        if functions > MOST || !size.is_multiple_of(8) {
            return Err(report.section(index, rule));
        }
        let order = if numbered {
            priority(image.object.section_name(index))
        } else {
            0
        };
        let at = arrays.partition_point(|array| array.order <= order);
        report.reserve(&mut arrays, 1)?;
        arrays.insert(
            at,
            Array {
                order,
                section: index,
                size,
            },
        );
    }
    Ok(arrays)
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
