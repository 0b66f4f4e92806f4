//! The names that a bundle wants the addresses of, before it is loaded.

use super::error::LoadError;
use super::reader::Reader;
use crate::bundle::WEAK;

/// Calls `each` with the name of every variable and function of the platform that a bundle names.
///
/// # Errors
/// [`LoadError::Malformed`].
pub fn variables<'a>(bytes: &'a [u8], each: &mut dyn FnMut(&'a str)) -> Result<(), LoadError> {
    let mut reader = Reader::new(bytes);
    reader.version()?;
    reader.text()?;
    for _ in 0..reader.count()? {
        reader.map()?;
    }
    for _ in 0..reader.count()? {
        let name = reader.text()?;
        each(name.strip_prefix(WEAK).unwrap_or(name));
    }
    Ok(())
}
