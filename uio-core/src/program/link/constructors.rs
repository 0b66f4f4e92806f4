//! What runs before and after `main` (gABI 5.3, "Initialization and Termination Functions").

use alloc::boxed::Box;
use alloc::vec::Vec;

use object::LittleEndian as LE;
use object::elf::{SHT_FINI_ARRAY, SHT_INIT_ARRAY, SHT_PREINIT_ARRAY};
use uio_console::record::SectionRule;

use super::Refusal;
use super::elf::broken;
use super::relocate::Image;

/// An array of functions and when it runs: arrays with a number (`.init_array.101`) by that, then
/// those without.
type Array = (u32, usize);

/// Most constructors or destructors of a program.
const MOST: usize = 4096;

/// Addresses of the constructors and of the destructors, each in the order to call them.
pub fn find<'a>(
    image: &Image<'_, 'a>,
    memory: &[u8],
) -> Result<(Box<[u64]>, Box<[u64]>), Refusal<'a>> {
    let mut init: Vec<Array> = Vec::new();
    let mut fini: Vec<Array> = Vec::new();
    for (index, section) in image.object.sections.iter().enumerate() {
        let kind = section.sh_type.get(LE);
        let list = if kind == SHT_INIT_ARRAY || kind == SHT_PREINIT_ARRAY {
            &mut init
        } else if kind == SHT_FINI_ARRAY {
            &mut fini
        } else {
            continue;
        };
        if image.layout.place_of(index).is_none() {
            continue;
        }
        let early = kind == SHT_PREINIT_ARRAY;
        let order = if early {
            0
        } else {
            priority(image.object.section_name(index))
        };
        if list.len() == MOST {
            return Err(broken(index, SectionRule::Constructor).into());
        }
        list.push((order, index));
    }
    let init = functions(image, memory, &mut init)?;
    let mut fini = functions(image, memory, &mut fini)?;
    fini.reverse();
    Ok((init.into_boxed_slice(), fini.into_boxed_slice()))
}

/// The number at the end of a section's name, plus one.
fn priority(name: &[u8]) -> u32 {
    let mut number = 0u32;
    let mut digits = 0;
    for &byte in name.rsplit(|&byte| byte == b'.').next().unwrap_or(&[]) {
        if !byte.is_ascii_digit() {
            return u32::MAX;
        }
        digits += 1;
        number = number
            .saturating_mul(10)
            .saturating_add(u32::from(byte - b'0'));
    }
    if digits == 0 {
        u32::MAX
    } else {
        number.saturating_add(1)
    }
}

/// The functions in some arrays. As linkers do, entries of 0 and -1 are passed over.
fn functions<'a>(
    image: &Image<'_, 'a>,
    memory: &[u8],
    arrays: &mut [Array],
) -> Result<Vec<u64>, Refusal<'a>> {
    arrays.sort_unstable();
    let text = image.layout.text.start as u64..image.layout.text.end as u64;
    let mut functions = Vec::new();
    for &(_, index) in arrays.iter() {
        let bytes = image.layout.place_of(index).unwrap_or(0);
        let size = image
            .object
            .sections
            .get(index)
            .map_or(0, |section| section.sh_size.get(LE)) as usize;
        let array = memory.get(bytes..bytes + size).unwrap_or(&[]);
        for entry in array.as_chunks::<8>().0 {
            let function = u64::from_le_bytes(*entry);
            if function == 0 || function == u64::MAX {
                continue;
            }
            if !text.contains(&function.wrapping_sub(image.base)) || functions.len() == MOST {
                return Err(broken(index, SectionRule::Constructor).into());
            }
            functions.push(function);
        }
    }
    Ok(functions)
}
