//! Memory of maps: words that programs change while others read them.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use super::MapError;

/// Bytes of a word.
pub const WORD: usize = 8;

/// Memory at an address that stays, zero at first.
///
/// Words are atomic since nobody knows who else uses them at the same time: programs do, on every core,
/// by the address that they were given.
pub struct Block {
    words: Box<[AtomicU64]>,
}

impl Block {
    /// So many bytes, rounded up to words.
    ///
    /// # Errors
    /// [`MapError::Memory`].
    pub fn new(bytes: usize) -> Result<Self, MapError> {
        let words = boxed(bytes.div_ceil(WORD), || AtomicU64::new(0))?;
        Ok(Self { words })
    }

    /// Its address, by which programs may use it.
    #[inline]
    pub fn address(&self) -> u64 {
        self.words.as_ptr().expose_provenance() as u64
    }

    /// Its length in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.words.len() * WORD
    }

    /// The word at an offset in bytes, which is a multiple of [`WORD`].
    #[inline]
    pub fn word(&self, at: usize) -> Option<&AtomicU64> {
        self.words.get(at / WORD)
    }

    /// Copies bytes to an offset, which is a multiple of [`WORD`]. Zeros follow to the end of the last word.
    pub fn write(&self, at: usize, bytes: &[u8]) {
        let words = self.words.get(at / WORD..).unwrap_or_default();
        for (word, bytes) in words.iter().zip(bytes.chunks(WORD)) {
            word.store(from_bytes(bytes), Ordering::Relaxed);
        }
    }

    /// Makes bytes at an offset zero; both numbers are multiples of [`WORD`].
    pub fn clear(&self, at: usize, len: usize) {
        let words = self.words.get(at / WORD..).unwrap_or_default();
        for word in words.iter().take(len / WORD) {
            word.store(0, Ordering::Relaxed);
        }
    }

    /// Copies bytes from an offset, which is a multiple of [`WORD`].
    pub fn read(&self, at: usize, out: &mut [u8]) {
        let words = self.words.get(at / WORD..).unwrap_or_default();
        for (word, out) in words.iter().zip(out.chunks_mut(WORD)) {
            let bytes = word.load(Ordering::Relaxed).to_le_bytes();
            out.iter_mut()
                .zip(bytes)
                .for_each(|(out, byte)| *out = byte);
        }
    }
}

/// Up to eight bytes as a number, as a little-endian machine has them.
#[inline]
pub fn from_bytes(bytes: &[u8]) -> u64 {
    if let Ok(whole) = bytes.try_into() {
        return u64::from_le_bytes(whole);
    }
    let mut number = 0;
    for &byte in bytes.iter().rev() {
        number = number << 8 | u64::from(byte);
    }
    number
}

/// So many of what `make` makes.
///
/// # Errors
/// [`MapError::Memory`].
pub fn boxed<T>(count: usize, make: impl FnMut() -> T) -> Result<Box<[T]>, MapError> {
    let mut items = Vec::new();
    items
        .try_reserve_exact(count)
        .map_err(|_| MapError::Memory)?;
    items.resize_with(count, make);
    Ok(items.into_boxed_slice())
}
