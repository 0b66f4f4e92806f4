//! Where functions of an image can be attached to.

use std::collections::BTreeMap;
use std::path::Path;

use iced_x86::{Decoder, DecoderOptions, FlowControl};
use object::{Object, ObjectSegment};
use uio_build::trace::SITE;

use crate::error::{Error, Result};

/// The code of an image, by offset.
#[derive(Debug)]
pub struct Code {
    /// Segments by where they begin.
    segments: BTreeMap<u64, Vec<u8>>,
}

/// How a function is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At its site.
    Site,
    /// At a breakpoint in place of its first instruction, which has that many bytes.
    Breakpoint(u8),
    /// Not at all: its first instruction cannot be moved, or there is no code.
    None,
}

/// The longest first instruction that a guest takes.
const LONGEST: usize = 12;

impl Code {
    /// Reads the image that a VM runs.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Usage`] when it is gone, or no image any more.
    pub fn of(image: &Path) -> Result<Self> {
        let bytes = std::fs::read(image).map_err(|e| Error::path("read", image, e))?;
        let wrong = |e: object::Error| Error::Usage(format!("{}: {e}", image.display()));
        let file = object::File::parse(&*bytes).map_err(wrong)?;
        let mut segments = BTreeMap::new();
        for segment in file.segments() {
            let data = segment.data().map_err(wrong)?;
            segments.insert(segment.address(), data.to_vec());
        }
        Ok(Self { segments })
    }

    /// Bytes from an offset on; fewer than asked for at the end of a segment.
    fn bytes(&self, offset: u64, len: usize) -> &[u8] {
        let Some((start, data)) = self.segments.range(..=offset).next_back() else {
            return &[];
        };
        let rest = data.get((offset - start) as usize..).unwrap_or_default();
        rest.get(..len).unwrap_or(rest)
    }

    /// How a function at an offset is attached to.
    #[must_use]
    pub fn place(&self, offset: u64) -> Place {
        let code = self.bytes(offset, 16);
        if code.starts_with(&SITE) {
            return Place::Site;
        }
        let mut decoder = Decoder::with_ip(64, code, offset, DecoderOptions::NONE);
        if !decoder.can_decode() {
            return Place::None;
        }
        let instruction = decoder.decode();
        let moves = !instruction.is_invalid()
            && instruction.flow_control() == FlowControl::Next
            && !instruction.is_ip_rel_memory_operand()
            && instruction.len() <= LONGEST;
        match moves {
            true => Place::Breakpoint(instruction.len() as u8),
            false => Place::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(code: &[u8]) -> Place {
        let segments = BTreeMap::from([(0x1000, code.to_vec())]);
        Code { segments }.place(0x1000)
    }

    #[test]
    fn a_function_is_attached_to_at_its_site_or_at_an_instruction_that_moves() {
        assert_eq!(place(&SITE), Place::Site);
        // push rbp; sub rsp, 16
        assert_eq!(place(&[0x55, 0x48]), Place::Breakpoint(1));
        assert_eq!(place(&[0x48, 0x83, 0xec, 0x10]), Place::Breakpoint(4));
        // jmp, ret, lea rax, [rip + 1], nothing that is an instruction, nothing at all
        assert_eq!(place(&[0xeb, 0x00]), Place::None);
        assert_eq!(place(&[0xc3]), Place::None);
        assert_eq!(place(&[0x48, 0x8d, 0x05, 1, 0, 0, 0]), Place::None);
        assert_eq!(place(&[0x06]), Place::None);
        assert_eq!(place(&[]), Place::None);
    }
}
