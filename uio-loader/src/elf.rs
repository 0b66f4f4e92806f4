//! Reads and checks the headers of an image.
//!
//! An [`Image`] that [`Image::check`] returned has been checked against the
//! length of its file, so that loading it cannot run out of file or memory.
//! Layouts and constants: System V ABI, chapters 4 "Object Files" and 5
//! "Program Loading"; entry version: `hermit-entry`.

use crate::bytes::{u16_at, u32_at, u64_at};
use crate::ram::IMAGE_LIMIT;
use crate::{Error, LARGE_PAGE, note};

/// Most program headers of an image; linkers write about eleven.
pub const MAX_PROGRAM_HEADERS: usize = 32;

/// Bytes of all notes of an image; there are about sixty.
const MAX_NOTES: usize = 1024;

const HEADER_LEN: usize = 64;
const PROGRAM_HEADER_LEN: usize = 56;
const MAGIC: [u8; 4] = *b"\x7fELF";
const CLASS_64: u8 = 2;
const DATA_LITTLE_ENDIAN: u8 = 1;
const MACHINE_X86_64: u16 = 62;
const TYPE_DYN: u16 = 3;
const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_NOTE: u32 = 4;
const PT_TLS: u32 = 7;
const FLAG_EXECUTE: u32 = 1;

/// A file that is read piece by piece.
pub trait Source {
    /// The bytes of the file.
    fn len(&self) -> u64;

    /// Whether there is no file, or nothing in it.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `into` with the file's bytes from `offset` on; the caller has made
    /// sure that there are that many.
    ///
    /// # Errors
    /// Whatever the device behind the file reports.
    fn read(&mut self, offset: u64, into: &mut [u8]) -> Result<(), Error>;
}

/// One program header. Addresses are relative to the image's load address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    kind: u32,
    flags: u32,
    align: u64,
    index: u16,
    /// Where its bytes begin in the file.
    pub offset: u64,
    /// Where they begin in memory.
    pub address: u64,
    /// Bytes in the file.
    pub file_len: u64,
    /// Bytes in memory; those beyond `file_len` are zero.
    pub mem_len: u64,
}

impl Segment {
    fn parse(header: &[u8], index: u16) -> Option<Self> {
        Some(Self {
            kind: u32_at(header, 0)?,
            flags: u32_at(header, 4)?,
            offset: u64_at(header, 8)?,
            address: u64_at(header, 16)?,
            file_len: u64_at(header, 32)?,
            mem_len: u64_at(header, 40)?,
            align: u64_at(header, 48)?,
            index,
        })
    }

    /// The end in memory, if it is below [`IMAGE_LIMIT`].
    fn end(&self) -> Option<u64> {
        self.address
            .checked_add(self.mem_len)
            .filter(|&end| end <= IMAGE_LIMIT)
    }
}

/// The thread-local storage template, relative to the image's load address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Where the template begins.
    pub address: u64,
    /// Bytes of the template.
    pub file_len: u64,
    /// Bytes of a thread's block, without alignment.
    pub mem_len: u64,
    /// The block's alignment in bytes.
    pub align: u64,
}

/// A checked image: static position-independent executable with entry version 4.
#[derive(Debug)]
pub struct Image {
    segments: [Segment; MAX_PROGRAM_HEADERS],
    count: usize,
    /// Bytes in memory, from address 0 on.
    pub mem_len: u64,
    /// The entry point, relative to the load address.
    pub entry: u64,
    /// The thread-local storage template, if there is any.
    pub tls: Option<Tls>,
    /// Address and bytes of the dynamic section, if there is one.
    pub dynamic: Option<(u64, u64)>,
}

impl Image {
    /// Reads the headers and notes of `source`.
    ///
    /// # Errors
    /// The first reason found why this file cannot be started.
    pub fn check(source: &mut dyn Source) -> Result<Self, Error> {
        check_magic(source)?;
        let mut header = [0; HEADER_LEN];
        read_at(source, 0, &mut header)?;
        check_header(&header)?;
        check_sections(&header, source.len())?;

        let mut image = Self {
            segments: [Segment::default(); MAX_PROGRAM_HEADERS],
            count: 0,
            mem_len: 0,
            entry: u64_at(&header, 24).unwrap_or(0),
            tls: None,
            dynamic: None,
        };
        image.read_segments(source, &header)?;
        image.check_loads(source.len())?;
        image.check_entry()?;
        image.find_parts()?;
        image.check_notes(source)?;
        Ok(image)
    }

    /// The segments to load, ascending in memory.
    pub fn loads(&self) -> impl Iterator<Item = &Segment> {
        self.of_kind(PT_LOAD)
    }

    fn of_kind(&self, kind: u32) -> impl Iterator<Item = &Segment> {
        self.segments
            .iter()
            .take(self.count)
            .filter(move |segment| segment.kind == kind)
    }

    fn read_segments(
        &mut self,
        source: &mut dyn Source,
        header: &[u8; HEADER_LEN],
    ) -> Result<(), Error> {
        let offset = u64_at(header, 32).unwrap_or(0);
        let size = u16_at(header, 54).unwrap_or(0);
        let count = u16_at(header, 56).unwrap_or(0);
        if usize::from(size) != PROGRAM_HEADER_LEN || usize::from(count) > MAX_PROGRAM_HEADERS {
            return Err(Error::ProgramHeaders { size, count });
        }
        let mut table = [0; PROGRAM_HEADER_LEN * MAX_PROGRAM_HEADERS];
        let used = usize::from(size) * usize::from(count);
        let table = table.get_mut(..used).unwrap_or_default();
        read_at(source, offset, table)?;
        for (index, header) in (0u16..).zip(table.chunks_exact(PROGRAM_HEADER_LEN)) {
            if let (Some(slot), Some(segment)) = (
                self.segments.get_mut(self.count),
                Segment::parse(header, index),
            ) {
                *slot = segment;
                self.count += 1;
            }
        }
        Ok(())
    }

    /// Every load segment is in the file, in memory, and above the one before.
    fn check_loads(&mut self, file_len: u64) -> Result<(), Error> {
        let mut before: Option<(u16, u64)> = None;
        for load in self.of_kind(PT_LOAD) {
            let index = load.index;
            let end = load.end().ok_or(Error::NoRoom { need: load.mem_len })?;
            if load.file_len > load.mem_len
                || !load.align.is_power_of_two() && load.align != 0
                || load.align > LARGE_PAGE
            {
                return Err(Error::BadSegment { index });
            }
            check_in_file(load.offset, load.file_len, file_len)?;
            match before {
                // The kernel takes the image to begin where it is loaded.
                None if load.address != 0 => return Err(Error::BadSegment { index }),
                Some((before, limit)) if load.address < limit => {
                    return Err(Error::Overlap { index, before });
                }
                _ => before = Some((index, end)),
            }
        }
        self.mem_len = before
            .map(|(_, end)| end)
            .filter(|&end| end > 0)
            .ok_or(Error::NoSegments)?;
        Ok(())
    }

    fn check_entry(&self) -> Result<(), Error> {
        let entry = self.entry;
        self.of_kind(PT_LOAD)
            .any(|load| {
                load.flags & FLAG_EXECUTE != 0
                    && load.address <= entry
                    && entry - load.address < load.file_len
            })
            .then_some(())
            .ok_or(Error::BadEntry { entry })
    }

    /// Finds the template of thread-local storage and the dynamic section.
    fn find_parts(&mut self) -> Result<(), Error> {
        let tls = self.of_kind(PT_TLS).next().copied();
        if let Some(tls) = tls {
            let in_image = tls
                .address
                .checked_add(tls.file_len)
                .is_some_and(|end| end <= self.mem_len);
            let align = tls.align.max(1);
            if !in_image
                || tls.file_len > tls.mem_len
                || tls.mem_len > IMAGE_LIMIT
                || !align.is_power_of_two()
                || align > LARGE_PAGE
            {
                return Err(Error::BadSegment { index: tls.index });
            }
            self.tls = Some(Tls {
                address: tls.address,
                file_len: tls.file_len,
                mem_len: tls.mem_len,
                align: tls.align,
            });
        }
        let dynamic = self.of_kind(PT_DYNAMIC).next().copied();
        if let Some(dynamic) = dynamic {
            if dynamic.end().is_none_or(|end| end > self.mem_len) {
                return Err(Error::BadSegment {
                    index: dynamic.index,
                });
            }
            self.dynamic = Some((dynamic.address, dynamic.mem_len));
        }
        Ok(())
    }

    /// Some note says that this is an image of entry version 4.
    fn check_notes(&self, source: &mut dyn Source) -> Result<(), Error> {
        let mut version = None;
        for notes in self.of_kind(PT_NOTE) {
            let mut buffer = [0; MAX_NOTES];
            let len = usize::try_from(notes.file_len).unwrap_or(usize::MAX);
            let buffer = buffer.get_mut(..len).ok_or(Error::BadNotes)?;
            read_at(source, notes.offset, buffer)?;
            version = version.or(note::entry_version(buffer, notes.align)?);
        }
        match version {
            Some(note::ENTRY_VERSION) => Ok(()),
            Some(found) => Err(Error::EntryVersion { found }),
            None => Err(Error::NoEntryVersion),
        }
    }
}

/// The file begins as ELF files do, as far as it goes: something short and
/// different is no truncated image.
fn check_magic(source: &mut dyn Source) -> Result<(), Error> {
    if source.is_empty() {
        return Err(Error::NoImage);
    }
    let mut magic = [0; 4];
    let len = source.len().min(magic.len() as u64) as usize;
    let (start, _) = magic.split_at_mut(len);
    source.read(0, start)?;
    if MAGIC.starts_with(start) {
        Ok(())
    } else {
        Err(Error::NotElf {
            magic: u32::from_le_bytes(magic),
        })
    }
}

/// The class, type and machine are those of a Hermit image.
fn check_header(header: &[u8; HEADER_LEN]) -> Result<(), Error> {
    let [_, _, _, _, class, data, ..] = *header;
    if class != CLASS_64 || data != DATA_LITTLE_ENDIAN {
        return Err(Error::WrongClass { class, data });
    }
    let machine = u16_at(header, 18).unwrap_or(0);
    if machine != MACHINE_X86_64 {
        return Err(Error::WrongMachine { machine });
    }
    let kind = u16_at(header, 16).unwrap_or(0);
    if kind != TYPE_DYN {
        return Err(Error::WrongType { kind });
    }
    Ok(())
}

/// Section headers serve nothing here, but they come last: where they are cut
/// off, the file is.
fn check_sections(header: &[u8; HEADER_LEN], file_len: u64) -> Result<(), Error> {
    let offset = u64_at(header, 40).unwrap_or(0);
    let size = u64::from(u16_at(header, 58).unwrap_or(0));
    let count = u64::from(u16_at(header, 60).unwrap_or(0));
    check_in_file(offset, size * count, file_len)
}

fn check_in_file(offset: u64, len: u64, have: u64) -> Result<(), Error> {
    match offset.checked_add(len) {
        Some(end) if end <= have => Ok(()),
        end => Err(Error::Truncated {
            need: end.unwrap_or(u64::MAX),
            have,
        }),
    }
}

/// Reads from a file that may be too short.
fn read_at(source: &mut dyn Source, offset: u64, into: &mut [u8]) -> Result<(), Error> {
    check_in_file(offset, into.len() as u64, source.len())?;
    source.read(offset, into)
}
