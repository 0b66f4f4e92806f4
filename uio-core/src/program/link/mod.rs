//! From a relocatable object to an image in memory.
//!
//! The linker does no I/O: it is given the object's bytes and asks its [`Surroundings`] for the
//! addresses of the symbols that the object does not define, and for memory. The object may be
//! anything at all: it is linked, or refused with the rule that it breaks.
//!
//! The image has three parts, each of whole pages:
//!
//! | part | holds |
//! |---|---|
//! | text | executable sections, then stubs for calls whose target is out of reach |
//! | constants | read-only sections, then the global offset table |
//! | data | writable sections, then those that start as zeroes, then common symbols |

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;

use uio_console::record::ObjectError;

use crate::isolation::Region;

mod constructors;
mod elf;
mod kind;
mod layout;
mod relocate;
mod resolve;

#[cfg(target_arch = "aarch64")]
#[path = "aarch64.rs"]
mod arch;
#[cfg(not(target_arch = "aarch64"))]
#[path = "x86_64.rs"]
mod arch;

/// What the linker needs of its surroundings.
pub trait Surroundings {
    /// Address of a symbol that the object does not define.
    ///
    /// # Errors
    /// [`Stop`] when linking is to end now.
    fn resolve(&mut self, name: &[u8]) -> Result<Option<u64>, Stop>;

    /// Takes note of a symbol that nobody defines. Linking goes on to find them all, and then ends
    /// with [`Refusal::Reported`].
    fn undefined(&mut self, name: &[u8]);

    /// Memory for the image: at least so many bytes, all zero.
    fn allocate(&mut self, bytes: usize) -> Option<Box<dyn Region>>;
}

/// The surroundings end the linking, and have said why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop;

/// Why an object was not linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal<'a> {
    /// The object breaks a rule.
    Object(ObjectError<'a>),
    /// So many bytes could not be had.
    NoMemory(u64),
    /// What is wrong was told to the surroundings, or by them.
    Reported,
}

impl<'a> From<ObjectError<'a>> for Refusal<'a> {
    fn from(error: ObjectError<'a>) -> Self {
        Self::Object(error)
    }
}

/// A linked image in sealed memory.
pub struct Linked {
    /// The memory.
    pub region: Box<dyn Region>,
    /// Bytes of it.
    pub size: usize,
    /// The executable part, as offsets.
    pub text: Range<usize>,
    /// Where the data start, as an offset; they reach to the end.
    pub data: usize,
    /// What the data start with; the rest of them are zeroes.
    pub pristine: Box<[u8]>,
    /// Address of `main`.
    pub main: u64,
    /// Addresses of the constructors, in the order to call them.
    pub init: Box<[u64]>,
    /// Addresses of the destructors, in the order to call them.
    pub fini: Box<[u64]>,
}

/// Links an object into an image of at most `max` bytes.
///
/// # Errors
/// [`Refusal`]
pub fn link<'a>(
    bytes: &'a [u8],
    max: usize,
    around: &mut dyn Surroundings,
) -> Result<Linked, Refusal<'a>> {
    if bytes.len() > max {
        let size = bytes.len() as u64;
        let max = max as u64;
        return Err(ObjectError::TooLarge { size, max }.into());
    }
    let object = elf::Object::parse(bytes)?;
    for (index, section) in object.sections.iter().enumerate() {
        object.check_section(index, section)?;
    }
    let mut symbols = resolve::Symbols::new(&object, around)?;
    symbols.give_slots(&object)?;
    let layout = layout::Layout::new(&object, &mut symbols, max)?;
    let mut region = around
        .allocate(layout.size)
        .ok_or(Refusal::NoMemory(layout.size as u64))?;
    let image = relocate::Image {
        object: &object,
        symbols: &symbols,
        layout: &layout,
        base: region.base(),
    };
    let memory = region.bytes_mut();
    let Some(memory) = memory.get_mut(..layout.size) else {
        return Err(Refusal::NoMemory(layout.size as u64));
    };
    image.fill(memory)?;
    let main = image.address(symbols.main)?;
    let (init, fini) = constructors::find(&image, memory)?;
    let pristine = copy(memory.get(layout.data.clone()).unwrap_or(&[]))?;
    region.seal(layout.text.clone(), layout.text.end..layout.data.start);
    Ok(Linked {
        region,
        size: layout.size,
        text: layout.text,
        data: layout.data.start,
        pristine,
        main,
        init,
        fini,
    })
}

/// A vector of so many equal elements.
fn filled<'a, T: Copy>(len: usize, value: T) -> Result<Vec<T>, Refusal<'a>> {
    let mut vector = Vec::new();
    if vector.try_reserve_exact(len).is_err() {
        return Err(Refusal::NoMemory((len * size_of::<T>()) as u64));
    }
    vector.resize(len, value);
    Ok(vector)
}

/// A copy of some bytes.
fn copy<'a>(bytes: &[u8]) -> Result<Box<[u8]>, Refusal<'a>> {
    let mut vector = Vec::new();
    if vector.try_reserve_exact(bytes.len()).is_err() {
        return Err(Refusal::NoMemory(bytes.len() as u64));
    }
    vector.extend_from_slice(bytes);
    Ok(vector.into_boxed_slice())
}
