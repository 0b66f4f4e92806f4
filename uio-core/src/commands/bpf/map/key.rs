//! Keys and values as requests give them: a number, decimal or hexadecimal behind `0x`, whose bytes are stored with the least
//! significant first; or, behind `x:`, the hexadecimal digits of the bytes themselves; or `-`, for the bytes on standard input.

use alloc::vec::Vec;

use uio_bpf::map::Map;
use uio_bpf::wire::Trouble;
use uio_console::record::UsageProblem;

use super::super::call::Call;
use super::super::line::Word;
use crate::command::{Stop, buffer, number};

impl Call<'_, '_> {
    /// A key of a map.
    pub(super) fn key(&mut self, map: &Map, word: Word<'_>) -> Result<Vec<u8>, Stop> {
        self.sized(word, map.key_size() as usize)
    }

    /// The value of an entry, or the values of all cores.
    pub(super) fn value(&mut self, map: &Map, word: Word<'_>) -> Result<Vec<u8>, Stop> {
        let all = match word.bytes {
            [b'x', b':', digits @ ..] if map.cores() > 1 => digits.len() == 2 * map.value_len(),
            _ => false,
        };
        let size = match all {
            true => map.value_len(),
            false => map.value_size() as usize,
        };
        self.sized(word, size)
    }

    fn sized(&mut self, word: Word<'_>, size: usize) -> Result<Vec<u8>, Stop> {
        let bytes = match word.bytes {
            b"-" => self.input(None)?,
            [b'x', b':', digits @ ..] => self.bytes(Word {
                bytes: digits,
                ..word
            })?,
            digits => match number(digits) {
                Some(number) => return self.number_of(word, number, size),
                None => return Err(self.misused(word.arg, UsageProblem::NotANumber)),
            },
        };
        if bytes.len() == size {
            return Ok(bytes);
        }
        let wanted = size as u32;
        Err(self.trouble(word.arg, &Trouble::Length { wanted }))
    }

    /// A number as so many bytes.
    fn number_of(&mut self, word: Word<'_>, number: u64, size: usize) -> Result<Vec<u8>, Stop> {
        let Ok(mut bytes) = buffer(size) else {
            return Err(self.trouble(word.arg, &Trouble::Memory));
        };
        let number = number.to_le_bytes();
        let (low, high) = number.split_at(size.min(number.len()));
        if high.iter().any(|&byte| byte != 0) {
            return Err(self.misused(word.arg, UsageProblem::OutOfRange));
        }
        bytes
            .iter_mut()
            .zip(low)
            .for_each(|(out, byte)| *out = *byte);
        Ok(bytes)
    }
}
