//! The symbols of an unstripped image.

use object::elf::{self, FileHeader64, Sym64};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader, Sym};
use object::{Endianness, ReadRef};
use uio_core::program::symbols::format::{FUNCTION, GLOBAL, KERNEL, header::MAX_BUILD_ID};

use super::PREFIX;

type Header = FileHeader64<Endianness>;

/// An image as the index sees it.
#[derive(Debug, Default)]
pub struct Image {
    /// Its build id.
    pub build_id: Vec<u8>,
    /// Its symbols, by address.
    pub symbols: Vec<Raw>,
}

/// A symbol of the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    /// Its name, without the kernel's prefix.
    pub name: Vec<u8>,
    /// Where it is, relative to where the image is loaded to.
    pub address: u32,
    /// Bytes; 0 when unknown.
    pub size: u32,
    /// Sum of `FUNCTION`, `GLOBAL`, `KERNEL`.
    pub flags: u8,
}

/// Reads an image's build id and symbols. Errors are sentences about the image.
pub fn read(data: &[u8]) -> Result<Image, String> {
    parse(data).map_err(|error| error.to_string())?.ok_or_else(|| {
        format!("it has no build id of at most {MAX_BUILD_ID} bytes, so no index can be tied to it; link it with --build-id")
    })
}

fn parse(data: &[u8]) -> object::Result<Option<Image>> {
    let header = Header::parse(data)?;
    let endian = header.endian()?;
    let segments = header.program_headers(endian, data)?;
    let mut build_id = Vec::new();
    for segment in segments {
        let Some(mut notes) = segment.notes(endian, data)? else {
            continue;
        };
        while let Some(note) = notes.next()? {
            if note.name() == elf::ELF_NOTE_GNU && note.n_type(endian) == elf::NT_GNU_BUILD_ID {
                build_id = note.desc().to_vec();
            }
        }
    }
    if build_id.is_empty() || build_id.len() > MAX_BUILD_ID {
        return Ok(None);
    }
    // A position-independent image is linked to 0; another one is loaded to where its first segment says.
    let base = if header.e_type(endian) == elf::ET_DYN {
        0
    } else {
        let loaded = segments
            .iter()
            .filter(|segment| segment.p_type(endian) == elf::PT_LOAD);
        loaded
            .map(|segment| segment.p_vaddr(endian))
            .min()
            .unwrap_or(0)
    };
    let mut image = Image {
        build_id,
        symbols: symbols(header, endian, data, base)?,
    };
    // Of several symbols at one address, the guest takes the last.
    image.symbols.sort_by(|a, b| key(a).cmp(&key(b)));
    image.symbols.dedup();
    Ok(Some(image))
}

fn key(symbol: &Raw) -> (u32, bool, u8, &[u8]) {
    (
        symbol.address,
        symbol.size != 0,
        symbol.flags & GLOBAL,
        &symbol.name,
    )
}

fn symbols<'data, R: ReadRef<'data>>(
    header: &Header,
    endian: Endianness,
    data: R,
    base: u64,
) -> object::Result<Vec<Raw>> {
    let sections = header.sections(endian, data)?;
    let table = sections.symbols(endian, data, elf::SHT_SYMTAB)?;
    let mut symbols = Vec::new();
    for symbol in table.iter() {
        let Some(section) = table
            .symbol_section(endian, symbol, object::SymbolIndex(0))
            .unwrap_or(None)
        else {
            continue;
        };
        let section = sections.section(section)?;
        if section.sh_flags(endian).0 & elf::SHF_ALLOC.0 == 0 || !is_wanted(symbol) {
            continue;
        }
        let name = symbol.name(endian, table.strings())?;
        let address = symbol
            .st_value(endian)
            .checked_sub(base)
            .and_then(|address| u32::try_from(address).ok());
        let Some(address) = address.filter(|_| !name.is_empty()) else {
            continue;
        };
        let own = name.strip_prefix(PREFIX.as_bytes());
        let mut flags = 0;
        if symbol.st_type() == elf::STT_FUNC {
            flags |= FUNCTION;
        }
        if symbol.st_bind() != elf::STB_LOCAL {
            flags |= GLOBAL;
        }
        if own.is_some() {
            flags |= KERNEL;
        }
        symbols.push(Raw {
            name: own.unwrap_or(name).to_vec(),
            address,
            size: u32::try_from(symbol.st_size(endian)).unwrap_or(u32::MAX),
            flags,
        });
    }
    Ok(symbols)
}

/// Functions and objects, and global labels of assembly code.
fn is_wanted(symbol: &Sym64<Endianness>) -> bool {
    match symbol.st_type() {
        elf::STT_FUNC | elf::STT_OBJECT => true,
        elf::STT_NOTYPE => symbol.st_bind() != elf::STB_LOCAL,
        _ => false,
    }
}
