//! The notes of an image, among them Hermit's entry version.
//!
//! Layout: System V ABI, chapter 5 "Note Section"; the entry version is what
//! `hermit_entry::define_entry_version!` writes.

use crate::Error;
use crate::bytes::u32_at;

/// The version of the interface between loader and kernel that is served here.
pub const ENTRY_VERSION: u8 = 4;

const ENTRY_VERSION_TYPE: u32 = 0x5a00;
const ENTRY_VERSION_NAME: &[u8] = b"HERMIT\0";
const HEADER_LEN: usize = 12;

/// Finds the entry version among the notes of a segment with alignment `align`.
///
/// # Errors
/// [`Error::BadNotes`] when a note reaches beyond the segment.
pub fn entry_version(mut notes: &[u8], align: u64) -> Result<Option<u8>, Error> {
    let align = if align == 8 { 8 } else { 4 };
    while notes.len() >= HEADER_LEN {
        let (next, version) = one_note(notes, align).ok_or(Error::BadNotes)?;
        if version.is_some() {
            return Ok(version);
        }
        notes = next;
    }
    Ok(None)
}

/// Reads one note: what follows it, and the entry version if it is one.
fn one_note(notes: &[u8], align: usize) -> Option<(&[u8], Option<u8>)> {
    let name_len = usize::try_from(u32_at(notes, 0)?).ok()?;
    let desc_len = usize::try_from(u32_at(notes, 4)?).ok()?;
    let kind = u32_at(notes, 8)?;
    let name_end = HEADER_LEN.checked_add(name_len)?;
    let desc_start = name_end.checked_next_multiple_of(align)?;
    let desc_end = desc_start.checked_add(desc_len)?;
    let name = notes.get(HEADER_LEN..name_end)?;
    let desc = notes.get(desc_start..desc_end)?;
    let version = if kind == ENTRY_VERSION_TYPE && name == ENTRY_VERSION_NAME {
        Some(*desc.first()?)
    } else {
        None
    };
    // The padding after the last note may be missing.
    let next = notes
        .get(desc_end.checked_next_multiple_of(align)?..)
        .unwrap_or_default();
    Some((next, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(name: &[u8], kind: u32, desc: &[u8]) -> Vec<u8> {
        let mut note = Vec::new();
        note.extend((name.len() as u32).to_le_bytes());
        note.extend((desc.len() as u32).to_le_bytes());
        note.extend(kind.to_le_bytes());
        note.extend(name);
        note.resize(note.len().next_multiple_of(4), 0);
        note.extend(desc);
        note.resize(note.len().next_multiple_of(4), 0);
        note
    }

    #[test]
    fn the_entry_version_is_found_among_others() {
        let abi = note(b"GNU\0", 1, &[6; 16]);
        let entry = note(b"HERMIT\0", 0x5a00, &[4]);
        assert_eq!(
            entry_version(&[abi.clone(), entry.clone()].concat(), 4),
            Ok(Some(4))
        );
        assert_eq!(
            entry_version(&[entry, abi.clone()].concat(), 4),
            Ok(Some(4))
        );
        assert_eq!(entry_version(&abi, 4), Ok(None));
        assert_eq!(entry_version(&[], 4), Ok(None));
    }

    #[test]
    fn name_and_type_both_count() {
        assert_eq!(entry_version(&note(b"HERMIT\0", 0x5a01, &[4]), 4), Ok(None));
        assert_eq!(entry_version(&note(b"HERMES\0", 0x5a00, &[4]), 4), Ok(None));
    }

    #[test]
    fn a_missing_padding_at_the_end_is_fine() {
        let mut entry = note(b"HERMIT\0", 0x5a00, &[4]);
        entry.truncate(entry.len() - 3);
        assert_eq!(entry_version(&entry, 4), Ok(Some(4)));
    }

    #[test]
    fn every_cut_is_refused_or_finds_nothing() {
        let entry = note(b"HERMIT\0", 0x5a00, &[4]);
        for len in 0..entry.len() - 3 {
            let found = entry_version(&entry[..len], 4);
            let expected = if len < HEADER_LEN {
                Ok(None)
            } else {
                Err(Error::BadNotes)
            };
            assert_eq!(found, expected, "{len} bytes");
        }
        assert_eq!(
            entry_version(&note(b"HERMIT\0", 0x5a00, &[]), 4),
            Err(Error::BadNotes)
        );
        let huge = [0xff; 16];
        assert_eq!(entry_version(&huge, 8), Err(Error::BadNotes));
    }
}
