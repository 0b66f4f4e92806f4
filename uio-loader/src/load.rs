//! Puts an image into memory.

use crate::elf::{Image, Source};
use crate::{Error, reloc};

/// Loads `image` from `source` into `memory`, which will lie at physical `base`,
/// and relocates it in place.
///
/// Only bytes that some segment claims are written. `memory` is as long as
/// [`Image::mem_len`].
///
/// # Errors
/// What the file's device reports, or the first relocation that cannot be applied.
pub fn load(
    source: &mut dyn Source,
    image: &Image,
    memory: &mut [u8],
    base: u64,
) -> Result<(), Error> {
    for segment in image.loads() {
        let (file, zeros) = range(segment.address, segment.mem_len)
            .and_then(|range| memory.get_mut(range))
            .zip(usize::try_from(segment.file_len).ok())
            .and_then(|(memory, file_len)| memory.split_at_mut_checked(file_len))
            .ok_or(Error::NoRoom {
                need: image.mem_len,
            })?;
        if !file.is_empty() {
            source.read(segment.offset, file)?;
        }
        zeros.fill(0);
    }
    reloc::apply(image, memory, base)
}

/// The slice indices of `len` bytes from `address` on.
pub(crate) fn range(address: u64, len: u64) -> Option<core::ops::Range<usize>> {
    let start = usize::try_from(address).ok()?;
    let end = start.checked_add(usize::try_from(len).ok()?)?;
    Some(start..end)
}
