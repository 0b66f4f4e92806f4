//! Why an object is refused, noted in one place so that what passes it up is small.

use alloc::vec::Vec;
use core::cell::Cell;

use uio_console::record::{ObjectError, SectionRule};

use super::Refusal;

/// Linking ends here; the [`Report`] knows why.
#[derive(Clone, Copy)]
pub struct Refused;

/// Takes note of why an object is refused.
pub struct Report<'a>(Cell<Refusal<'a>>);

impl<'a> Report<'a> {
    /// Nothing is wrong yet.
    pub fn new() -> Self {
        Self(Cell::new(Refusal::Reported))
    }

    /// Why the object was refused.
    pub fn into_inner(self) -> Refusal<'a> {
        self.0.into_inner()
    }

    /// The object breaks a rule.
    #[cold]
    #[inline(never)]
    pub fn object(&self, error: ObjectError<'a>) -> Refused {
        self.0.set(Refusal::Object(error));
        Refused
    }

    /// A section breaks a rule.
    #[cold]
    #[inline(never)]
    pub fn section(&self, index: usize, rule: SectionRule) -> Refused {
        let index = index as u32;
        self.object(ObjectError::Section { index, rule })
    }

    /// Makes room in a vector.
    pub fn reserve<T>(&self, vector: &mut Vec<T>, more: usize) -> Result<(), Refused> {
        match vector.try_reserve_exact(more) {
            Ok(()) => Ok(()),
            Err(_) => Err(self.memory(more * size_of::<T>())),
        }
    }

    /// There is no memory.
    #[cold]
    #[inline(never)]
    pub fn memory(&self, bytes: usize) -> Refused {
        self.0.set(Refusal::NoMemory(bytes as u64));
        Refused
    }
}
