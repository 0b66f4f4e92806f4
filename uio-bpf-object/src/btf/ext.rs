//! Reading `.BTF.ext`: which function has which type, which instruction comes of which line, and relocations by types
//! (BTF, 4.2 and 4.3).

use super::bytes::{Reader, part};
use super::parse::{MAGIC, VERSION};
use super::{Btf, Error, Id};

/// What `.BTF.ext` tells of one section of code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ext<'a> {
    /// Types of functions.
    pub functions: Vec<Record<'a, Id>>,
    /// Source lines.
    pub lines: Vec<Record<'a, Line<'a>>>,
    /// Relocations by types.
    pub relocations: Vec<Record<'a, Core<'a>>>,
}

/// Something about an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a, T> {
    /// The section's name.
    pub section: &'a str,
    /// Bytes from its beginning.
    pub offset: u32,
    /// What is known there.
    pub what: T,
}

/// A line of source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The file's path.
    pub file: &'a [u8],
    /// The text of the line.
    pub text: &'a [u8],
    /// The line's number, from 1.
    pub line: u32,
    /// The column, from 1; 0 if it is not known.
    pub column: u32,
}

/// A relocation by types ("compile once, run everywhere").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Core<'a> {
    /// The type that it is about.
    pub of: Id,
    /// Which of its members, as numbers with colons.
    pub access: &'a str,
    /// What is wanted: `enum bpf_core_relo_kind`.
    pub kind: u32,
}

impl Core<'_> {
    /// What is wanted, in words; `None` for what needs no running kernel: the number of a type of the object itself.
    #[must_use]
    pub fn wanted(&self) -> Option<&'static str> {
        Some(match self.kind {
            0 => "the offset of a member",
            1 => "the size of a member",
            2 => "the existence of a member",
            3 => "the signedness of a member",
            4 | 5 => "the place of a bit field",
            6 => return None,
            7 => "the number of the type",
            8 => "the existence of the type",
            9 => "the size of the type",
            10 => "the existence of a value",
            11 => "the number of a value",
            12 => "the sameness of the type",
            _ => "something unknown",
        })
    }
}

impl<'a> Ext<'a> {
    /// Reads the section `.BTF.ext`, whose strings and types are in `btf`.
    ///
    /// # Errors
    /// [`Error`]
    pub fn read(section: &'a [u8], btf: &Btf<'a>) -> Result<Self, Error> {
        let mut header = Reader::new(section);
        let what = "the header of .BTF.ext";
        if header.u16(what)? != MAGIC {
            return Err(Error::Magic);
        }
        let version = header.u8(what)?;
        if version != VERSION {
            return Err(Error::Version(version));
        }
        let _flags = header.u8(what)?;
        let len = header.u32(what)?;
        let body = section.get(len as usize..).ok_or(Error::Short(what))?;
        let mut parts = [&[][..]; 3];
        for (index, entry) in parts.iter_mut().enumerate() {
            // The third part came later.
            if len as usize >= 16 + 8 * index {
                *entry = part(body, header.u32(what)?, header.u32(what)?, what)?;
            }
        }
        let mut ext = Self::default();
        each(parts[0], 8, btf, |section, offset, rest| {
            let what = rest.u32("the type of a function")?;
            ext.functions.push(Record {
                section,
                offset,
                what,
            });
            Ok(())
        })?;
        each(parts[1], 16, btf, |section, offset, rest| {
            let what = read_line(rest, btf)?;
            ext.lines.push(Record {
                section,
                offset,
                what,
            });
            Ok(())
        })?;
        each(parts[2], 16, btf, |section, offset, rest| {
            let what = read_core(rest, btf)?;
            ext.relocations.push(Record {
                section,
                offset,
                what,
            });
            Ok(())
        })?;
        let key = |section: &'a str, offset: u32| (section, offset);
        ext.functions.sort_by_key(|r| key(r.section, r.offset));
        ext.lines.sort_by_key(|r| key(r.section, r.offset));
        ext.relocations.sort_by_key(|r| key(r.section, r.offset));
        Ok(ext)
    }
}

/// The records of a section of code from one offset to before another.
#[must_use]
pub fn within<'r, 'a, T>(
    records: &'r [Record<'a, T>],
    section: &str,
    from: u64,
    to: u64,
) -> &'r [Record<'a, T>] {
    let position = |offset: u64| {
        records.partition_point(|record| {
            (record.section, u64::from(record.offset)) < (section, offset)
        })
    };
    records
        .get(position(from)..position(to))
        .unwrap_or_default()
}

/// Calls `with` for every record of a part: the length of a record; then for each section of code its name, how many
/// records, and the records, of which the first word is the offset of an instruction.
fn each<'a>(
    bytes: &'a [u8],
    least: u32,
    btf: &Btf<'a>,
    mut with: impl FnMut(&'a str, u32, &mut Reader<'a>) -> Result<(), Error>,
) -> Result<(), Error> {
    let what = "a table of .BTF.ext";
    if bytes.is_empty() {
        return Ok(());
    }
    let mut reader = Reader::new(bytes);
    let len = reader.u32(what)?;
    if len < least {
        return Err(Error::Short(what));
    }
    while !reader.is_empty() {
        let section = btf.string(reader.u32(what)?)?;
        for _ in 0..reader.u32(what)? {
            let mut record = Reader::new(reader.take(len as usize, what)?);
            let offset = record.u32(what)?;
            with(section, offset, &mut record)?;
        }
    }
    Ok(())
}

fn read_line<'a>(record: &mut Reader<'a>, btf: &Btf<'a>) -> Result<Line<'a>, Error> {
    let what = "a line";
    let file = btf.bytes(record.u32(what)?)?;
    let text = btf.bytes(record.u32(what)?)?;
    let place = record.u32(what)?;
    Ok(Line {
        file,
        text,
        line: place >> 10,
        column: place & 0x3ff,
    })
}

fn read_core<'a>(record: &mut Reader<'a>, btf: &Btf<'a>) -> Result<Core<'a>, Error> {
    let what = "a relocation by types";
    Ok(Core {
        of: record.u32(what)?,
        access: btf.string(record.u32(what)?)?,
        kind: record.u32(what)?,
    })
}
