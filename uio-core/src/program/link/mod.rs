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

use super::Wanted;
use crate::isolation::{Forbidden, Region};
use report::{Refused, Report};

mod constructors;
mod elf;
mod inspect;
mod kind;
mod layout;
mod relocate;
mod report;
mod resolve;

#[cfg(target_arch = "aarch64")]
#[path = "aarch64.rs"]
mod arch;
#[cfg(not(target_arch = "aarch64"))]
#[path = "x86_64.rs"]
mod arch;

/// Addresses and sizes of the format have 64 bits.
const _: () = assert!(usize::BITS == 64);

/// What the linker needs of its surroundings.
pub trait Surroundings {
    /// Finds the addresses of symbols that the object does not define, all at once. What has none
    /// afterwards is defined by nobody.
    ///
    /// # Errors
    /// [`Stop`] when linking is to end now.
    fn resolve(&mut self, wanted: &mut [Wanted<'_>]) -> Result<(), Stop>;

    /// Takes note of a symbol that nobody defines. Linking goes on to find them all, and then ends
    /// with [`Refusal::Reported`].
    fn undefined(&mut self, name: &[u8]);

    /// The first instruction in the program's finished code that it must not have.
    fn forbidden(&mut self, code: &[u8]) -> Option<Forbidden>;

    /// Takes note of such an instruction. Linking ends with [`Refusal::Reported`].
    fn refused(&mut self, code: &Code<'_>);

    /// Memory for the image: at least so many bytes, all zero.
    fn allocate(&mut self, bytes: usize) -> Option<Box<dyn Region>>;
}

/// An instruction that a program must not have, and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code<'a> {
    /// The instruction. Its offset is the one in its section.
    pub found: Forbidden,
    /// Name of the section; empty for what the linker added.
    pub section: &'a [u8],
    /// Name of the function, or of the nearest label before; empty without one.
    pub function: &'a [u8],
    /// Offset of the function in its section.
    pub start: u64,
    /// The finished code from where the instruction begins that has it inside.
    pub bytes: &'a [u8],
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
    pub pristine: Vec<u8>,
    /// Address of `main`.
    pub main: u64,
    /// Addresses of the constructors, in the order to call them.
    pub init: Vec<u64>,
    /// Addresses of the destructors, in the order to call them.
    pub fini: Vec<u64>,
    /// Offset of each section of the object; those that are not loaded lie beyond the image.
    pub places: Vec<u32>,
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
    let report = Report::new();
    let linked = link_with(bytes, max, around, &report);
    linked.map_err(|Refused| report.into_inner())
}

fn link_with<'a>(
    bytes: &'a [u8],
    max: usize,
    around: &mut dyn Surroundings,
    report: &Report<'a>,
) -> Result<Linked, Refused> {
    let object = elf::Object::parse(bytes, report)?;
    let mut symbols = resolve::Symbols::new(&object, around)?;
    object.relocations(&mut resolve::GiveSlots {
        object: &object,
        symbols: &mut symbols,
    })?;
    let layout = layout::Layout::new(&object, &mut symbols, max)?;
    let Some(mut region) = around.allocate(layout.size) else {
        return Err(report.memory(layout.size));
    };
    let base = region.base();
    let memory = region.bytes_mut();
    let memory = memory.get_mut(..layout.size).unwrap_or_default();
    let mut image = relocate::Image {
        object: &object,
        symbols: &symbols,
        layout: &layout,
        base,
        memory,
    };
    image.fill()?;
    inspect::inspect(&image, around)?;
    let main = image.address(symbols.main)?;
    let init = constructors::find(&image, false)?;
    let mut fini = constructors::find(&image, true)?;
    fini.reverse();
    let mut pristine = Vec::new();
    let data = image.memory.get(layout.data.clone()).unwrap_or_default();
    report.reserve(&mut pristine, data.len())?;
    pristine.extend_from_slice(data);
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
        places: layout.places,
    })
}
