//! A relocatable object, seen through its tables. Nothing in it is trusted: what leaves this file
//! has been checked against the bytes that are there.

use core::ffi::CStr;

use object::LittleEndian as LE;
use object::elf::{
    self, FileHeader64, Rela64, SHF_ALLOC, SHF_EXECINSTR, SHF_TLS, SHF_WRITE, SectionHeader64,
    Sym64,
};
use object::pod;
use uio_console::record::{ObjectError, SectionRule};

use super::arch;
use super::report::{Refused, Report};

/// A section header (gABI 4.1, figure 4-8).
pub type Section = SectionHeader64<LE>;
/// A symbol (gABI 4.1, figure 4-16).
pub type Symbol = Sym64<LE>;
/// A relocation with an addend (gABI 4.1, figure 4-21).
pub type Relocation = Rela64<LE>;

/// Greatest alignment of a section, in bytes: a page.
pub const PAGE: u64 = 4096;

/// The most bytes of a name that are looked at. Names may share their bytes in the file, so that
/// without a limit a small file could have any amount of them.
pub const MAX_NAME: usize = 1024;

/// Bytes of an ELF64 header.
const HEADER: usize = size_of::<FileHeader64<LE>>();

/// Relocations in the compact form, which nothing here reads (`SHT_CREL`).
const SHT_CREL: u32 = 0x4000_0014;

/// A relocatable object.
pub struct Object<'r, 'a> {
    /// Takes note of what is wrong with it.
    pub report: &'r Report<'a>,
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

/// Does something with every relocation. (A closure behind `dyn FnMut` would be compiled twice.)
pub trait Visit<'a> {
    /// Does it with one.
    fn visit(&mut self, site: Site<'a>) -> Result<(), Refused>;
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
    let flags = section.sh_flags.get(LE).0;
    if flags & SHF_ALLOC.0 == 0 {
        None
    } else if flags & SHF_EXECINSTR.0 != 0 {
        Some(Group::Text)
    } else if flags & SHF_WRITE.0 == 0 {
        Some(Group::Constants)
    } else if section.sh_type.get(LE) == elf::SHT_NOBITS {
        Some(Group::Zero)
    } else {
        Some(Group::Data)
    }
}

impl<'r, 'a> Object<'r, 'a> {
    /// Finds the tables of an object, and checks that its sections can be loaded.
    pub fn parse(bytes: &'a [u8], report: &'r Report<'a>) -> Result<Self, Refused> {
        let sections = match sections(bytes) {
            Ok(sections) => sections,
            Err(error) => return Err(report.object(error)),
        };
        let mut object = Self {
            report,
            bytes,
            sections,
            names: &[],
            symbols: &[],
            strings: &[],
            symbols_at: 0,
        };
        let names = pod::from_bytes::<FileHeader64<LE>>(bytes);
        let names = names.map_or(0, |(header, _)| header.e_shstrndx.get(LE).0);
        object.names = object.strings_of(names.into())?;
        for (index, section) in sections.iter().enumerate() {
            if let Some(rule) = object.broken_rule(section) {
                return Err(report.section(index, rule));
            }
            if section.sh_type.get(LE) != elf::SHT_SYMTAB {
                continue;
            }
            if object.symbols_at != 0 {
                return Err(report.section(index, SectionRule::Type));
            }
            object.symbols = object.table(index)?;
            object.strings = object.strings_of(section.sh_link.get(LE) as usize)?;
            object.symbols_at = index;
        }
        Ok(object)
    }

    /// The bytes of a section in the file; none for one that is all zeroes.
    pub fn contents(&self, section: &Section) -> Option<&'a [u8]> {
        if section.sh_type.get(LE) == elf::SHT_NOBITS {
            return Some(&[]);
        }
        let from = section.sh_offset.get(LE);
        let to = from.checked_add(section.sh_size.get(LE))?;
        self.bytes.get(from as usize..to as usize)
    }

    fn strings_of(&self, index: usize) -> Result<&'a [u8], Refused> {
        let rule = match self.sections.get(index) {
            Some(section) if section.sh_type.get(LE) == elf::SHT_STRTAB => {
                match self.contents(section) {
                    Some(strings) => return Ok(strings),
                    None => SectionRule::InsideFile,
                }
            }
            _ => SectionRule::Link,
        };
        Err(self.report.section(index, rule))
    }

    fn table<T: pod::Pod>(&self, index: usize) -> Result<&'a [T], Refused> {
        let mut rule = SectionRule::InsideFile;
        if let Some(section) = self.sections.get(index)
            && let Some(bytes) = self.contents(section)
        {
            rule = SectionRule::EntrySize;
            if section.sh_entsize.get(LE) == size_of::<T>() as u64
                && let Ok(table) = pod::slice_from_all_bytes(bytes)
            {
                return Ok(table);
            }
        }
        Err(self.report.section(index, rule))
    }

    /// The name of a section, cut to [`MAX_NAME`] bytes; empty if it has none.
    pub fn section_name(&self, index: usize) -> &'a [u8] {
        let at = self
            .sections
            .get(index)
            .map_or(0, |section| section.sh_name.get(LE));
        string(self.names, at).unwrap_or_default()
    }

    /// The name of a symbol (of its section, if the symbol stands for that), cut to [`MAX_NAME`]
    /// bytes.
    pub fn symbol_name(&self, index: usize) -> &'a [u8] {
        match self.symbols.get(index) {
            Some(symbol) if symbol.st_info.0 & 0xf == elf::STT_SECTION.0 => {
                self.section_name(symbol.st_shndx.get(LE).0.into())
            }
            Some(symbol) => string(self.strings, symbol.st_name.get(LE)).unwrap_or_default(),
            None => &[],
        }
    }

    /// Whether a symbol is called `main`.
    pub fn is_main(&self, symbol: &Symbol) -> bool {
        let name = self.strings.get(symbol.st_name.get(LE) as usize..);
        name.is_some_and(|name| name.starts_with(b"main\0"))
    }

    /// The rule that a section breaks by which it cannot be loaded, though it asks to be.
    fn broken_rule(&self, section: &Section) -> Option<SectionRule> {
        let flags = section.sh_flags.get(LE).0;
        let align = section.sh_addralign.get(LE);
        if flags & SHF_ALLOC.0 == 0 {
            None
        } else if flags & SHF_TLS.0 != 0 {
            Some(SectionRule::ThreadLocal)
        } else if flags & SHF_WRITE.0 != 0 && flags & SHF_EXECINSTR.0 != 0 {
            Some(SectionRule::WriteOrExecute)
        } else if !is_alignment(align) {
            Some(SectionRule::Alignment)
        } else if flags & elf::SHF_COMPRESSED.0 != 0 || !is_loadable(section.sh_type.get(LE)) {
            Some(SectionRule::Type)
        } else if string(self.names, section.sh_name.get(LE)).is_none() {
            Some(SectionRule::Name)
        } else if self.contents(section).is_none() {
            Some(SectionRule::InsideFile)
        } else {
            None
        }
    }

    /// Visits every relocation of a loaded section, sections in order.
    pub fn relocations(&self, visitor: &mut dyn Visit<'a>) -> Result<(), Refused> {
        // Tables do not share bytes, so all of them together are no larger than the file.
        let mut left = self.bytes.len() as u64;
        for (index, section) in self.sections.iter().enumerate() {
            let kind = section.sh_type.get(LE);
            if kind != elf::SHT_RELA && kind != elf::SHT_REL && kind.0 != SHT_CREL {
                continue;
            }
            let target = section.sh_info.get(LE) as usize;
            let rule = match self.sections.get(target).map(group) {
                None => SectionRule::Link,
                Some(None) => continue,
                Some(_) if kind != elf::SHT_RELA => SectionRule::Type,
                Some(_) if section.sh_link.get(LE) as usize != self.symbols_at => SectionRule::Link,
                Some(_) => match left.checked_sub(section.sh_size.get(LE)) {
                    None => SectionRule::InsideFile,
                    Some(rest) => {
                        left = rest;
                        if self.visit_table(index, target, visitor)? {
                            continue;
                        }
                        SectionRule::SymbolIndex
                    }
                },
            };
            return Err(self.report.section(index, rule));
        }
        Ok(())
    }

    /// Visits a table of relocations. False if one refers to a symbol that there is not.
    fn visit_table(
        &self,
        index: usize,
        target: usize,
        visitor: &mut dyn Visit<'a>,
    ) -> Result<bool, Refused> {
        let relocations: &[Relocation] = self.table(index)?;
        for relocation in relocations {
            let symbol = (relocation.r_info.get(LE) >> 32) as usize;
            if symbol >= self.symbols.len() {
                return Ok(false);
            }
            visitor.visit(Site {
                section: target,
                symbol,
                relocation,
            })?;
        }
        Ok(true)
    }
}

/// The sections of an object of the right kind.
fn sections(bytes: &[u8]) -> Result<&[Section], ObjectError<'_>> {
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
    let have = bytes.len() as u64;
    let Ok((header, _)) = pod::from_bytes::<FileHeader64<LE>>(bytes) else {
        let need = HEADER as u64;
        return Err(ObjectError::Truncated { need, have });
    };
    let machine = header.e_machine.get(LE).0;
    if machine != arch::MACHINE {
        return Err(ObjectError::WrongMachine { machine });
    }
    let file_type = header.e_type.get(LE).0;
    if file_type != elf::ET_REL.0 {
        return Err(ObjectError::NotRelocatable { file_type });
    }
    let count = usize::from(header.e_shnum.get(LE));
    if count == 0 || usize::from(header.e_shentsize.get(LE)) != size_of::<Section>() {
        let rule = if count == 0 {
            SectionRule::Numbering
        } else {
            SectionRule::EntrySize
        };
        return Err(ObjectError::Section { index: 0, rule });
    }
    let from = header.e_shoff.get(LE);
    let rest = bytes.get(from as usize..).unwrap_or_default();
    match pod::slice_from_bytes::<Section>(rest, count) {
        Ok((sections, _)) => Ok(sections),
        Err(()) => {
            let need = from.saturating_add((count * size_of::<Section>()) as u64);
            Err(ObjectError::Truncated { need, have })
        }
    }
}

/// Whether sections and common symbols may be aligned so.
pub fn is_alignment(align: u64) -> bool {
    align <= PAGE && (align == 0 || align.is_power_of_two())
}

/// Whether a section of this type has, or is to have, bytes in memory.
fn is_loadable(kind: elf::SectionType) -> bool {
    matches!(
        kind,
        elf::SHT_PROGBITS
            | elf::SHT_NOBITS
            | elf::SHT_NOTE
            | elf::SHT_INIT_ARRAY
            | elf::SHT_FINI_ARRAY
            | elf::SHT_PREINIT_ARRAY
            | elf::SHT_X86_64_UNWIND
    )
}

/// The string at an offset of a string table, up to its zero or [`MAX_NAME`] bytes of it.
fn string(table: &[u8], at: u32) -> Option<&[u8]> {
    let rest = table.get(at as usize..)?;
    let start = rest.get(..MAX_NAME);
    // Core looks at two words at a time.
    match CStr::from_bytes_until_nul(start.unwrap_or(rest)) {
        Ok(string) => Some(string.to_bytes()),
        Err(_) => start,
    }
}
