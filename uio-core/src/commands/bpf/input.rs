//! What comes in: standard input, files, numbers in hexadecimal digits.

use alloc::vec::Vec;

use uio_console::record::UsageProblem;

use super::call::Call;
use super::line::Word;
use crate::command::{FAILED, READ, Stop, Trouble, buffer};

/// The most bytes that are taken in.
pub(super) const MOST: usize = 4 << 20;

/// Bytes that are read at once.
const AT_ONCE: usize = 4096;

impl Call<'_, '_> {
    /// All of the standard input, or of the file that a word names.
    #[inline(never)]
    pub(super) fn input(&mut self, file: Option<Word<'_>>) -> Result<Vec<u8>, Stop> {
        let arg = file.map_or(u8::MAX, |word| word.arg);
        let read = self.read(file);
        read.map_err(|trouble| match self.cx.report(Err(trouble), arg, arg) {
            Ok(status) => Stop::Status(status),
            Err(stop) => stop,
        })
    }

    fn read(&mut self, file: Option<Word<'_>>) -> Result<Vec<u8>, Trouble> {
        let mut file = match file {
            Some(word) => {
                let path = self.cx.absolute(word.bytes)?;
                Some(self.cx.files().open(&path, READ)?)
            }
            None => None,
        };
        let mut piece = buffer(AT_ONCE)?;
        let mut bytes = Vec::new();
        loop {
            let len = match &mut file {
                None => self.cx.stdin(&mut piece)?,
                Some(file) => file.read_at(bytes.len() as u64, &mut piece)?,
            };
            let piece = piece.get(..len).unwrap_or_default();
            if piece.is_empty() {
                return Ok(bytes);
            }
            if bytes.len() + len > MOST || bytes.try_reserve(len).is_err() {
                self.cx.no_memory((bytes.len() + len) as u64)?;
                return Err(Trouble::Status(FAILED));
            }
            bytes.extend_from_slice(piece);
        }
    }

    /// Bytes that a word gives by their hexadecimal digits.
    ///
    /// # Errors
    /// [`Stop`], after it was said what is wrong.
    pub(super) fn bytes(&mut self, word: Word<'_>) -> Result<Vec<u8>, Stop> {
        match hex(word.bytes) {
            Some(bytes) => Ok(bytes),
            None => Err(self.misused(word.arg, UsageProblem::NotANumber)),
        }
    }
}

/// Bytes by their hexadecimal digits, two each.
pub(super) fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut bytes = buffer(pairs.len()).ok()?;
    for (place, &[high, low]) in bytes.iter_mut().zip(pairs) {
        *place = (digit(high)? << 4 | digit(low)?) as u8;
    }
    Some(bytes)
}
