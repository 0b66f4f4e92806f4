//! Hiding the kernel's own symbols from the application's linker.
//!
//! The kernel brings its own `core`, `alloc` and helper crates, whose symbols would clash with the application's.
//! So every global symbol that the kernel defines gets a prefix, but for its entry points. Undefined references to
//! those symbols inside the same library follow. Each object is also marked as one for a standalone system
//! (`EI_OSABI` 255), which the loader checks in the linked image.

use std::collections::HashSet;

use object::elf::{self, FileHeader64, Sym64};
use object::read::elf::{FileHeader, SectionHeader, Sym};
use object::{Endianness, U32, U64};

use crate::archive::{self, Member};
use crate::{Error, Result};

/// Put before every hidden name. A name in the image that starts with it is the kernel's; the rest is its own name.
pub const PREFIX: &str = "hermit.";

/// Kept besides every name that starts with `sys_`: the entry point, what the linker defines, what compilers call.
const KEPT: [&str; 10] = [
    "_start",
    "__bss_start",
    "mcount",
    "runtime_entry",
    "memcpy",
    "memmove",
    "memset",
    "memcmp",
    "bcmp",
    "strlen",
];

/// Offset of the byte that names the system, in the ELF header (System V ABI, figure 4-4).
const EI_OSABI: usize = 7;
/// `EI_OSABI` of a standalone (bare) system.
const OSABI_STANDALONE: u8 = 0xff;

type Header = FileHeader64<Endianness>;
type Symbol = Sym64<Endianness>;

/// Whether a symbol keeps its name and so stays visible to applications.
#[must_use]
pub fn is_kept(name: &[u8]) -> bool {
    name.starts_with(b"sys_") || KEPT.iter().any(|kept| kept.as_bytes() == name)
}

/// Hides the symbols of a whole static library.
///
/// # Errors
/// [`Error::Object`] naming the member and the rule of the ELF format that it breaks.
pub fn hide_symbols(file: &str, library: &[u8]) -> Result<Vec<u8>> {
    let mut members = archive::read(file, library)?;
    members.retain(|member| member.data.starts_with(&elf::ELFMAG));
    let mut hidden = HashSet::new();
    for member in &members {
        let object = Object::parse(member)?;
        for symbol in object
            .symbols
            .iter()
            .filter(|symbol| is_global_definition(symbol))
        {
            let name = object.name(symbol)?;
            if !is_kept(name) {
                hidden.insert(name.to_vec());
            }
        }
    }
    for member in &mut members {
        (member.data, member.symbols) = hide_in_object(member, &hidden)?;
    }
    archive::write(&members)
}

fn is_global_definition(symbol: &Symbol) -> bool {
    let defined = !symbol.is_undefined(Endianness::Little);
    defined && symbol.st_bind() != elf::STB_LOCAL && symbol.st_name(Endianness::Little) != 0
}

/// The symbol table of one object file, and where things are in it.
struct Object<'data> {
    file: String,
    symbols: &'data [Symbol],
    /// Offset of the symbol table in the file.
    symbols_at: usize,
    /// Offset of the string table's section header in the file.
    strings_header_at: usize,
    strings: &'data [u8],
}

impl<'data> Object<'data> {
    fn parse(member: &'data Member) -> Result<Self> {
        let data = member.data.as_slice();
        let file = String::from_utf8_lossy(&member.name).into_owned();
        let wrong = |error: object::Error| Error::Object {
            file: file.clone(),
            reason: error.to_string(),
        };
        let refuse = |reason: &str| Error::Object {
            file: file.clone(),
            reason: reason.into(),
        };
        let header = Header::parse(data).map_err(wrong)?;
        let endian = header.endian().map_err(wrong)?;
        if endian != Endianness::Little {
            return Err(refuse("it is not a little-endian object"));
        }
        let sections = header.sections(endian, data).map_err(wrong)?;
        let table = sections
            .iter()
            .find(|section| section.sh_type(endian) == elf::SHT_SYMTAB);
        let Some(table) = table else {
            return Ok(Self {
                file,
                symbols: &[],
                symbols_at: 0,
                strings_header_at: 0,
                strings: &[],
            });
        };
        let symbols = table.data_as_array(endian, data).map_err(wrong)?;
        let link = object::SectionIndex(table.sh_link(endian) as usize);
        let strings = sections.section(link).map_err(wrong)?;
        let strings_header_at = usize::try_from(header.e_shoff(endian))
            .map_err(|_| refuse("a section header is out of range"))?
            + link.0 * size_of::<elf::SectionHeader64<Endianness>>();
        let symbols_at = usize::try_from(table.sh_offset(endian))
            .map_err(|_| refuse("the symbol table is out of range"))?;
        let strings = strings.data(endian, data).map_err(wrong)?;
        Ok(Self {
            file,
            symbols,
            symbols_at,
            strings_header_at,
            strings,
        })
    }

    fn name(&self, symbol: &Symbol) -> Result<&'data [u8]> {
        let at = symbol.st_name(Endianness::Little) as usize;
        let tail = self.strings.get(at..);
        let end = tail.and_then(|tail| tail.iter().position(|byte| *byte == 0));
        match (tail, end) {
            (Some(tail), Some(end)) => Ok(&tail[..end]),
            _ => Err(Error::Object {
                file: self.file.clone(),
                reason: "a symbol's name is out of range".into(),
            }),
        }
    }
}

/// Renames one object's symbols. Returns the new object and the names it defines for the archive's index.
///
/// The string table moves to the end of the file and grows there, so that no other offset changes.
fn hide_in_object(member: &Member, hidden: &HashSet<Vec<u8>>) -> Result<(Vec<u8>, Vec<Vec<u8>>)> {
    let object = Object::parse(member)?;
    let mut data = member.data.clone();
    data[EI_OSABI] = OSABI_STANDALONE;
    let mut strings = object.strings.to_vec();
    let mut defined = Vec::new();
    for (index, symbol) in object.symbols.iter().enumerate() {
        if symbol.st_bind() == elf::STB_LOCAL {
            continue;
        }
        let mut name = object.name(symbol)?.to_vec();
        if hidden.contains(&name) {
            let at = symbol_name_offset(&object, strings.len())?;
            name.splice(0..0, PREFIX.bytes());
            strings.extend(&name);
            strings.push(0);
            let field = object.symbols_at + index * size_of::<Symbol>();
            data[field..field + 4].copy_from_slice(&at.to_le_bytes());
        }
        if is_global_definition(symbol) {
            defined.push(name);
        }
    }
    if strings.len() != object.strings.len() {
        let offset = data.len() as u64;
        let header = object.strings_header_at;
        put(&mut data, header + SH_OFFSET, offset);
        put(&mut data, header + SH_SIZE, strings.len() as u64);
        data.extend(&strings);
    }
    Ok((data, defined))
}

/// Offsets of two fields in an ELF64 section header.
const SH_OFFSET: usize = std::mem::offset_of!(elf::SectionHeader64<Endianness>, sh_offset);
const SH_SIZE: usize = std::mem::offset_of!(elf::SectionHeader64<Endianness>, sh_size);

// The fields written above are this wide.
const _: (usize, usize) = (
    size_of::<U32<Endianness>>() - 4,
    size_of::<U64<Endianness>>() - 8,
);

fn put(data: &mut [u8], at: usize, value: u64) {
    data[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

fn symbol_name_offset(object: &Object<'_>, at: usize) -> Result<u32> {
    u32::try_from(at).map_err(|_| Error::Object {
        file: object.file.clone(),
        reason: "its string table exceeds 4 GiB".into(),
    })
}
