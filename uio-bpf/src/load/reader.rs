//! Bundles as they come: read in place, piece by piece, with nothing allocated for what they claim.
//!
//! The form is postcard's of [`crate::bundle::Bundle`]: numbers are varints, texts and bytes come after their
//! length, lists after their count, an enumeration is the number of its variant.

use crate::bundle::MapKind;
use crate::kind::Kind;

/// The bytes are no bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

type Result<T> = core::result::Result<T, Malformed>;

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

    /// How many bytes were read.
    pub fn at(&self) -> usize {
        self.len - self.left.len()
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// A number of so many bits.
    fn number(&mut self, bits: u32) -> Result<u64> {
        let mut number = 0;
        for shift in (0..bits).step_by(7) {
            let (&byte, left) = self.left.split_first().ok_or(Malformed)?;
            self.left = left;
            let part = u64::from(byte & 0x7f);
            if bits - shift < 7 && part >> (bits - shift) != 0 {
                return Err(Malformed);
            }
            number |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Malformed)
    }

    fn word(&mut self) -> Result<u32> {
        self.number(u32::BITS).map(|number| number as u32)
    }

    /// A version.
    pub fn version(&mut self) -> Result<u16> {
        self.number(u16::BITS).map(|number| number as u16)
    }

    /// How many items follow; each takes at least a byte.
    pub fn count(&mut self) -> Result<usize> {
        let count = usize::try_from(self.number(u64::BITS)?).map_err(|_| Malformed)?;
        if count > self.left.len() {
            Err(Malformed)
        } else {
            Ok(count)
        }
    }

    fn bytes(&mut self) -> Result<&'a [u8]> {
        let len = self.count()?;
        let (bytes, left) = self.left.split_at_checked(len).ok_or(Malformed)?;
        self.left = left;
        Ok(bytes)
    }

    /// A text.
    pub fn text(&mut self) -> Result<&'a str> {
        core::str::from_utf8(self.bytes()?).map_err(|_| Malformed)
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
        all.get(number).copied().ok_or(Malformed)
    }
}
