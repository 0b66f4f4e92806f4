//! A relocatable object, seen through its tables. Nothing in it is trusted: what leaves this file
//! has been checked against the bytes that are there.

use object::LittleEndian as LE;
use object::elf::{
    self, FileHeader64, Rela64, SHF_ALLOC, SHF_EXECINSTR, SHF_TLS, SHF_WRITE, SectionHeader64,
    Sym64,
};
use object::pod;
use uio_console::record::{ObjectError, SectionRule};

use super::arch;

/// A section header (gABI 4.1, figure 4-8).
pub type Section = SectionHeader64<LE>;
/// A symbol (gABI 4.1, figure 4-16).
pub type Symbol = Sym64<LE>;
/// A relocation with an addend (gABI 4.1, figure 4-21).
pub type Relocation = Rela64<LE>;

/// Greatest alignment of a section, in bytes: a page.
pub const PAGE: u64 = 4096;

/// Bytes of an ELF64 header.
const HEADER: usize = size_of::<FileHeader64<LE>>();

/// Relocations in the compact form, which nothing here reads (`SHT_CREL`).
const SHT_CREL: u32 = 0x4000_0014;

/// A relocatable object.
#[derive(Clone, Copy)]
pub struct Object<'a> {
    bytes: &'a [u8],
    /// Its sections, the null section first.
    pub sections: &'a [Section],
    names: &'a [u8],
    /// Its symbols, the null symbol first; none if it has no symbol table.
    pub symbols: &'a [Symbol],
    strings: &'a [u8],
    /// Index of the section that holds the symbols.
    symbols_at: usize,
}

/// Where a relocation applies.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// Index of the section that it patches.
    pub section: usize,
    /// Index of the symbol that it refers to; there is such a symbol.
    pub symbol: usize,
    /// The relocation.
    pub relocation: &'a Relocation,
}

impl Site<'_> {
    /// `R_*`.
    pub fn kind(&self) -> u32 {
        self.relocation.r_info.get(LE) as u32
    }

    /// Offset in the section.
    pub fn offset(&self) -> u64 {
        self.relocation.r_offset.get(LE)
    }
}

/// Which permissions a section asks for, which decides where it goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Executable.
    Text,
    /// Read only.
    Constants,
    /// Writable, with contents.
    Data,
    /// Writable, zero at the start.
    Zero,
}

/// The group of a section that is loaded; none for the others.
pub fn group(section: &Section) -> Option<Group> {
    let flags = section.sh_flags.get(LE);
    if flags.0 & SHF_ALLOC.0 == 0 {
        None
    } else if flags.0 & SHF_EXECINSTR.0 != 0 {
        Some(Group::Text)
    } else if flags.0 & SHF_WRITE.0 == 0 {
        Some(Group::Constants)
    } else if section.sh_type.get(LE) == elf::SHT_NOBITS {
        Some(Group::Zero)
    } else {
        Some(Group::Data)
    }
}

/// The error that a section breaks a rule.
pub fn broken<'a>(index: usize, rule: SectionRule) -> ObjectError<'a> {
    ObjectError::Section {
        index: index as u32,
        rule,
    }
}

impl<'a> Object<'a> {
    /// Finds the tables of an object.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ObjectError<'a>> {
        let header = header(bytes)?;
        let sections = sections(bytes, header)?;
        let mut object = Self {
            bytes,
            sections,
            names: &[],
            symbols: &[],
            strings: &[],
            symbols_at: 0,
        };
        object.names = object.strings_of(usize::from(header.e_shstrndx.get(LE).0))?;
        for (index, section) in sections.iter().enumerate() {
            if section.sh_type.get(LE) != elf::SHT_SYMTAB {
                continue;
            }
            if object.symbols_at != 0 {
                return Err(broken(index, SectionRule::Type));
            }
            object.symbols = object.table(index, size_of::<Symbol>())?;
            object.strings = object.strings_of(section.sh_link.get(LE) as usize)?;
            object.symbols_at = index;
        }
        Ok(object)
    }

    /// The bytes of a section in the file.
    pub fn contents(&self, index: usize) -> Result<&'a [u8], ObjectError<'a>> {
        let inside = self.sections.get(index).and_then(|section| {
            if section.sh_type.get(LE) == elf::SHT_NOBITS {
                return Some(&[][..]);
            }
            let from = section.sh_offset.get(LE);
            let to = from.checked_add(section.sh_size.get(LE))?;
            self.bytes
                .get(usize::try_from(from).ok()?..usize::try_from(to).ok()?)
        });
        inside.ok_or(broken(index, SectionRule::InsideFile))
    }

    fn strings_of(&self, index: usize) -> Result<&'a [u8], ObjectError<'a>> {
        match self.sections.get(index) {
            Some(section) if section.sh_type.get(LE) == elf::SHT_STRTAB => self.contents(index),
            _ => Err(broken(index, SectionRule::Link)),
        }
    }

    fn table<T: pod::Pod>(&self, index: usize, entry: usize) -> Result<&'a [T], ObjectError<'a>> {
        let bytes = self.contents(index)?;
        let size = self
            .sections
            .get(index)
            .map_or(0, |section| section.sh_entsize.get(LE));
        if size != entry as u64 {
            return Err(broken(index, SectionRule::EntrySize));
        }
        pod::slice_from_all_bytes(bytes).map_err(|()| broken(index, SectionRule::EntrySize))
    }

    /// The name of a section; empty if it has none.
    pub fn section_name(&self, index: usize) -> &'a [u8] {
        let at = self
            .sections
            .get(index)
            .map_or(0, |section| section.sh_name.get(LE));
        string(self.names, at).unwrap_or(&[])
    }

    /// The name of a symbol (of its section, if the symbol stands for that).
    pub fn symbol_name(&self, index: usize) -> &'a [u8] {
        match self.symbols.get(index) {
            Some(symbol) if symbol.st_info.0 & 0xf == elf::STT_SECTION.0 => {
                self.section_name(usize::from(symbol.st_shndx.get(LE).0))
            }
            Some(symbol) => string(self.strings, symbol.st_name.get(LE)).unwrap_or(&[]),
            None => &[],
        }
    }

    /// Whether a symbol is called `main`.
    pub fn is_main(&self, symbol: &Symbol) -> bool {
        let name = self.strings.get(symbol.st_name.get(LE) as usize..);
        name.is_some_and(|name| name.starts_with(b"main\0"))
    }

    /// Checks that a section can be loaded, if it asks to be.
    pub fn check_section(&self, index: usize, section: &Section) -> Result<(), ObjectError<'a>> {
        let flags = section.sh_flags.get(LE).0;
        if flags & SHF_ALLOC.0 == 0 {
            return Ok(());
        }
        let align = section.sh_addralign.get(LE);
        let rule = if flags & SHF_TLS.0 != 0 {
            SectionRule::ThreadLocal
        } else if flags & SHF_WRITE.0 != 0 && flags & SHF_EXECINSTR.0 != 0 {
            SectionRule::WriteOrExecute
        } else if align > PAGE || (align != 0 && !align.is_power_of_two()) {
            SectionRule::Alignment
        } else if flags & elf::SHF_COMPRESSED.0 != 0 || !is_loadable(section.sh_type.get(LE)) {
            SectionRule::Type
        } else if string(self.names, section.sh_name.get(LE)).is_none() {
            SectionRule::Name
        } else {
            return self.contents(index).map(|_| ());
        };
        Err(broken(index, rule))
    }

    /// Calls `each` with every relocation of a loaded section, sections in order.
    pub fn relocations(
        &self,
        each: &mut dyn FnMut(Site<'a>) -> Result<(), ObjectError<'a>>,
    ) -> Result<(), ObjectError<'a>> {
        for (index, section) in self.sections.iter().enumerate() {
            let kind = section.sh_type.get(LE);
            if kind != elf::SHT_RELA && kind != elf::SHT_REL && kind.0 != SHT_CREL {
                continue;
            }
            let target = section.sh_info.get(LE) as usize;
            let Some(patched) = self.sections.get(target) else {
                return Err(broken(index, SectionRule::Link));
            };
            if group(patched).is_none() {
                continue;
            }
            if kind != elf::SHT_RELA {
                return Err(broken(index, SectionRule::Type));
            }
            if section.sh_link.get(LE) as usize != self.symbols_at || self.symbols_at == 0 {
                return Err(broken(index, SectionRule::Link));
            }
            let relocations: &[Relocation] = self.table(index, size_of::<Relocation>())?;
            for relocation in relocations {
                let symbol = (relocation.r_info.get(LE) >> 32) as usize;
                if symbol >= self.symbols.len() {
                    return Err(broken(index, SectionRule::SymbolIndex));
                }
                each(Site {
                    section: target,
                    symbol,
                    relocation,
                })?;
            }
        }
        Ok(())
    }
}

fn header(bytes: &[u8]) -> Result<&FileHeader64<LE>, ObjectError<'_>> {
    if bytes.is_empty() {
        return Err(ObjectError::Empty);
    }
    if !bytes.starts_with(&elf::ELFMAG) {
        return Err(ObjectError::NotElf);
    }
    if let Some(&[class, data]) = bytes.get(4..6)
        && (class != elf::ELFCLASS64.0 || data != elf::ELFDATA2LSB.0)
    {
        return Err(ObjectError::WrongClass);
    }
    let Ok((header, _)) = pod::from_bytes::<FileHeader64<LE>>(bytes) else {
        return Err(ObjectError::Truncated {
            need: HEADER as u64,
            have: bytes.len() as u64,
        });
    };
    let machine = header.e_machine.get(LE).0;
    if machine != arch::MACHINE {
        return Err(ObjectError::WrongMachine { machine });
    }
    let file_type = header.e_type.get(LE).0;
    if file_type != elf::ET_REL.0 {
        return Err(ObjectError::NotRelocatable { file_type });
    }
    Ok(header)
}

fn sections<'a>(
    bytes: &'a [u8],
    header: &FileHeader64<LE>,
) -> Result<&'a [Section], ObjectError<'a>> {
    let count = usize::from(header.e_shnum.get(LE));
    let from = header.e_shoff.get(LE);
    if count == 0 {
        return Err(broken(0, SectionRule::Numbering));
    }
    if usize::from(header.e_shentsize.get(LE)) != size_of::<Section>() {
        return Err(broken(0, SectionRule::EntrySize));
    }
    let rest = usize::try_from(from)
        .ok()
        .and_then(|from| bytes.get(from..));
    match rest.map(|rest| pod::slice_from_bytes::<Section>(rest, count)) {
        Some(Ok((sections, _))) => Ok(sections),
        _ => Err(ObjectError::Truncated {
            need: from.saturating_add((count * size_of::<Section>()) as u64),
            have: bytes.len() as u64,
        }),
    }
}

/// Whether a section of this type has, or is to have, bytes in memory.
fn is_loadable(kind: elf::SectionType) -> bool {
    kind == elf::SHT_PROGBITS
        || kind == elf::SHT_NOBITS
        || kind == elf::SHT_NOTE
        || kind == elf::SHT_INIT_ARRAY
        || kind == elf::SHT_FINI_ARRAY
        || kind == elf::SHT_PREINIT_ARRAY
        || kind == elf::SHT_X86_64_UNWIND
}

/// The string at an offset of a string table, up to its zero.
fn string(table: &[u8], at: u32) -> Option<&[u8]> {
    let rest = table.get(at as usize..)?;
    let len = rest.iter().position(|&byte| byte == 0)?;
    rest.get(..len)
}
