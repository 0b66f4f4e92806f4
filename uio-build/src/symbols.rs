//! The symbol index: written from the unstripped image, read on the share by the guest and by the `uio` command.
//!
//! The format is [`uio_core::program::symbols::format`]'s, drawn in `docs/symbols.md`. Here is what goes in:
//!
//! - Every function and object of the image that has an address, local ones too: Rust makes most of an application's
//!   symbols local when it links, and an operator wants those as well. Thread-local symbols have no one address.
//! - Under its own name. The kernel's global symbols have a prefix in the image ([`PREFIX`]), so that they do not clash
//!   with the application's; the index knows them with the prefix and, where no symbol of the application has
//!   that name, without.
//! - Under its Rust path, without the hash at its end. The same order of precedence holds.
//! - A name that means several things of the same precedence (a static function of two files, instances of one generic function)
//!   means none: the index gives it no address, but the symbols are still found by address.

use std::path::Path;

use crate::{Error, Result};

mod image;
mod index;
mod names;
mod near;
mod pack;
#[cfg(test)]
mod tests;

pub use crate::rename::PREFIX;
pub use index::{Index, Symbol};

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Build id of the image, and of the index.
    pub build_id: Vec<u8>,
    /// Symbols in the index.
    pub symbols: usize,
    /// Names by which they are found.
    pub names: usize,
    /// Bytes of the index.
    pub bytes: u64,
}

/// Writes the symbol index of an unstripped image. An index that is already there is replaced at once, so that a guest
/// that reads it goes on with the one it knows.
///
/// # Errors
/// [`Error::Object`] when the image is no ELF file with a build id; [`Error::Io`].
pub fn write(image_unstripped: &Path, out: &Path) -> Result<Summary> {
    let data =
        std::fs::read(image_unstripped).map_err(|error| Error::io(image_unstripped, error))?;
    let image = image::read(&data).map_err(|reason| Error::Object {
        file: image_unstripped.display().to_string(),
        reason,
    })?;
    let (bytes, summary) = pack::pack(&image);
    if let Some(directory) = out
        .parent()
        .filter(|directory| !directory.as_os_str().is_empty())
    {
        std::fs::create_dir_all(directory).map_err(|error| Error::io(directory, error))?;
    }
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    let new = out.with_file_name(name);
    std::fs::write(&new, bytes).map_err(|error| Error::io(&new, error))?;
    std::fs::rename(&new, out).map_err(|error| Error::io(out, error))?;
    Ok(summary)
}
