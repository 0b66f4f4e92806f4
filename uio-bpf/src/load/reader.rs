//! Bundles as they come: read in place, piece by piece, with nothing allocated for what they claim.
//!
//! The form is postcard's of [`crate::bundle::Bundle`]: numbers are varints, texts and bytes come after their
//! length, lists after their count, an enumeration is the number of its variant.

use super::error::LoadError;
use crate::bundle::MapKind;
use crate::kind::Kind;

type Result<T> = core::result::Result<T, LoadError>;

/// What is left of a bundle.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    left: &'a [u8],
    len: usize,
}

/// A map as a bundle has it, see [`crate::bundle::MapDef`].
#[derive(Clone, Copy)]
pub struct MapPart<'a> {
    pub name: &'a str,
    pub kind: MapKind,
    pub key_size: u32,
    pub value_size: u32,
    pub max_entries: u32,
    pub flags: u32,
    pub initial: &'a [u8],
    pub types: &'a [u8],
}

/// A program as a bundle has it, see [`crate::bundle::ProgramDef`].
#[derive(Clone, Copy)]
pub struct ProgramPart<'a> {
    pub name: &'a str,
    pub kind: Kind,
    pub target: &'a str,
    pub code: &'a [u8],
}

impl<'a> Reader<'a> {
    /// At the beginning.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            left: bytes,
            len: bytes.len(),
        }
    }

    /// Says that the bytes are no bundle from here on.
    #[cold]
    fn malformed<T>(&self) -> Result<T> {
        Err(LoadError::Malformed((self.len - self.left.len()) as u32))
    }

    /// Checks that everything was read.
    pub fn end(&self) -> Result<()> {
        if self.left.is_empty() {
            Ok(())
        } else {
            self.malformed()
        }
    }

    /// A number of so many bits.
    #[inline(never)]
    fn number(&mut self, bits: u32) -> Result<u64> {
        let mut number = 0;
        for shift in (0..bits).step_by(7) {
            let Some((&byte, left)) = self.left.split_first() else {
                return self.malformed();
            };
            self.left = left;
            let part = u64::from(byte & 0x7f);
            if bits - shift < 7 && part >> (bits - shift) != 0 {
                return self.malformed();
            }
            number |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        self.malformed()
    }

    fn word(&mut self) -> Result<u32> {
        self.number(u32::BITS).map(|number| number as u32)
    }

    /// A version.
    pub fn version(&mut self) -> Result<u16> {
        self.number(u16::BITS).map(|number| number as u16)
    }

    /// How many items follow; each takes at least a byte.
    #[inline(never)]
    pub fn count(&mut self) -> Result<usize> {
        match usize::try_from(self.number(u64::BITS)?) {
            Ok(count) if count <= self.left.len() => Ok(count),
            _ => self.malformed(),
        }
    }

    #[inline(never)]
    fn bytes(&mut self) -> Result<&'a [u8]> {
        let len = self.count()?;
        let Some((bytes, left)) = self.left.split_at_checked(len) else {
            return self.malformed();
        };
        self.left = left;
        Ok(bytes)
    }

    /// A text.
    #[inline(never)]
    pub fn text(&mut self) -> Result<&'a str> {
        match core::str::from_utf8(self.bytes()?) {
            Ok(text) => Ok(text),
            Err(_) => self.malformed(),
        }
    }

    /// A map.
    pub fn map(&mut self) -> Result<MapPart<'a>> {
        const KINDS: [MapKind; 8] = [
            MapKind::Hash,
            MapKind::Array,
            MapKind::ProgramArray,
            MapKind::PerCpuHash,
            MapKind::PerCpuArray,
            MapKind::StackTrace,
            MapKind::LruHash,
            MapKind::RingBuffer,
        ];
        Ok(MapPart {
            name: self.text()?,
            kind: self.variant(&KINDS)?,
            key_size: self.word()?,
            value_size: self.word()?,
            max_entries: self.word()?,
            flags: self.word()?,
            initial: self.bytes()?,
            types: self.bytes()?,
        })
    }

    /// A program.
    pub fn program(&mut self) -> Result<ProgramPart<'a>> {
        const KINDS: [Kind; 6] = [
            Kind::Executable,
            Kind::Fentry,
            Kind::Fexit,
            Kind::Probe,
            Kind::Timer,
            Kind::Syscall,
        ];
        Ok(ProgramPart {
            name: self.text()?,
            kind: self.variant(&KINDS)?,
            target: self.text()?,
            code: self.bytes()?,
        })
    }

    fn variant<T: Copy>(&mut self, all: &[T]) -> Result<T> {
        let number = self.word()? as usize;
        match all.get(number) {
            Some(variant) => Ok(*variant),
            None => self.malformed(),
        }
    }
}
