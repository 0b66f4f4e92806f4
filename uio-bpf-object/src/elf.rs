//! The ELF file as a list of sections, symbols and relocations, each checked against the file's length.

use object::elf;
use object::read::elf::{FileHeader as _, Rel as _, Rela as _, SectionHeader as _, Sym as _};
use object::{Endianness, SectionIndex, SymbolIndex};

use crate::error::{Place, Result, Why};

type Header = elf::FileHeader64<Endianness>;

/// An object file.
pub(crate) struct Elf<'a> {
    /// Sections, by their numbers in the file.
    pub sections: Vec<Section<'a>>,
    /// Symbols, by their numbers in the file.
    pub symbols: Vec<Symbol<'a>>,
}

/// A section.
pub(crate) struct Section<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it holds.
    pub role: Role,
    /// Its bytes; none if it is all zero.
    pub data: &'a [u8],
    /// How many bytes it has in memory.
    pub size: u64,
    /// Its relocations, by rising offset; read for code, data and maps.
    pub relocations: Vec<Relocation>,
}

/// What a section holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Programs and functions.
    Code,
    /// Variables that programs only read.
    ReadOnly,
    /// Variables.
    Data,
    /// Maps that BTF describes.
    Maps,
    /// Maps as `struct bpf_map_def`.
    LegacyMaps,
    /// The license.
    License,
    /// Types.
    Btf,
    /// Types of functions, source lines, relocations by types.
    BtfExt,
    /// Nothing that is loaded.
    Other,
}

/// Where a symbol lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// In another file.
    Undefined,
    /// Wherever a linker would put it.
    Common,
    /// Nowhere.
    Absolute,
    /// In the section of this number.
    Section(usize),
}

/// A symbol.
pub(crate) struct Symbol<'a> {
    /// Its name; a section's if it stands for that.
    pub name: &'a str,
    /// Where it lies.
    pub home: Home,
    /// Bytes from the beginning of its section.
    pub value: u64,
    /// Its bytes.
    pub size: u64,
    /// A function.
    pub function: bool,
    /// Neither a function nor data by its type.
    pub untyped: bool,
    /// It stands for its section.
    pub whole_section: bool,
    /// Other files see it.
    pub global: bool,
    /// It may be missing.
    pub weak: bool,
}

/// A relocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Relocation {
    /// Bytes from the beginning of the section.
    pub offset: u64,
    /// Its type.
    pub kind: u32,
    /// Number of the symbol.
    pub symbol: usize,
    /// What is added to the symbol's value, if it does not stand in the place itself.
    pub addend: Option<i64>,
}

/// The longest name. One may be that of many symbols, each of which is kept.
const LONGEST: usize = 4096;

fn name_of(bytes: &[u8]) -> Result<&str, Why> {
    let name = std::str::from_utf8(bytes).ok();
    name.filter(|name| name.len() <= LONGEST).ok_or(Why::Name)
}

fn damaged(error: object::read::Error) -> Why {
    Why::Elf(error.to_string())
}

impl<'a> Elf<'a> {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(bytes: &'a [u8]) -> Result<Self> {
        let header = Header::parse(bytes).map_err(damaged)?;
        let endian = header.endian().map_err(damaged)?;
        check(header, endian)?;
        let table = header.sections(endian, bytes).map_err(damaged)?;
        let mut sections = Vec::with_capacity(table.len());
        let mut stored = 0u64;
        for section in table.iter() {
            let name = table.section_name(endian, section).map_err(damaged)?;
            let name = name_of(name)?;
            let data = section.data(endian, bytes).map_err(damaged)?;
            stored = stored.saturating_add(data.len() as u64);
            sections.push(Section {
                name,
                role: role(section, endian, name),
                data,
                size: section.sh_size(endian),
                relocations: Vec::new(),
            });
        }
        // Whoever reads tables and data further on may rely on their being no longer than the file.
        if stored > bytes.len() as u64 {
            return Err(Why::Overlapping.into());
        }
        for section in table.iter() {
            read_relocations(section, endian, bytes, &mut sections)?;
        }
        let symbols = table
            .symbols(endian, bytes, elf::SHT_SYMTAB)
            .map_err(damaged)?;
        let symbols = symbols
            .enumerate()
            .map(|(index, symbol)| read_symbol(&symbols, endian, index, symbol, &sections))
            .collect::<Result<_>>()?;
        Ok(Self { sections, symbols })
    }

    /// The first section of a role.
    pub fn of_role(&self, role: Role) -> Option<(usize, &Section<'a>)> {
        let mut sections = self.sections.iter().enumerate();
        sections.find(|(_, section)| section.role == role)
    }

    /// The symbol of a relocation.
    ///
    /// # Errors
    /// When there is none of that number.
    pub fn symbol(&self, relocation: &Relocation, place: &Place) -> Result<&Symbol<'a>> {
        self.symbols
            .get(relocation.symbol)
            .ok_or_else(|| Why::RelocationSymbol(relocation.symbol).at(place.clone()))
    }
}

impl Section<'_> {
    /// Relocations from one offset to before another.
    pub fn relocations_in(&self, from: u64, to: u64) -> &[Relocation] {
        let position = |offset| {
            self.relocations
                .partition_point(|relocation| relocation.offset < offset)
        };
        self.relocations
            .get(position(from)..position(to))
            .unwrap_or_default()
    }
}

/// Whether it is an object for this machine.
fn check(header: &Header, endian: Endianness) -> Result<(), Why> {
    let machine = header.e_machine(endian);
    if machine != elf::EM_BPF {
        return Err(Why::Machine(machine.0));
    }
    if endian == Endianness::Big {
        return Err(Why::BigEndian);
    }
    if header.e_type(endian) != elf::ET_REL {
        return Err(Why::NotRelocatable);
    }
    Ok(())
}

fn role(section: &elf::SectionHeader64<Endianness>, endian: Endianness, name: &str) -> Role {
    let kind = section.sh_type(endian);
    let flags = section.sh_flags(endian);
    match name {
        ".BTF" => return Role::Btf,
        ".BTF.ext" => return Role::BtfExt,
        ".maps" => return Role::Maps,
        "maps" => return Role::LegacyMaps,
        "license" => return Role::License,
        _ => {}
    }
    let loaded = flags.contains(elf::SHF_ALLOC);
    let code = loaded && flags.contains(elf::SHF_EXECINSTR);
    if code && kind == elf::SHT_PROGBITS && section.sh_size(endian) > 0 {
        return Role::Code;
    }
    let named = |prefix: &str| {
        name.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    if !loaded || code || (kind != elf::SHT_PROGBITS && kind != elf::SHT_NOBITS) {
        Role::Other
    } else if named(".rodata") {
        Role::ReadOnly
    } else if named(".data") || named(".bss") {
        Role::Data
    } else {
        Role::Other
    }
}

/// Reads relocations to the section that they are for, if this section holds some.
fn read_relocations(
    section: &elf::SectionHeader64<Endianness>,
    endian: Endianness,
    bytes: &[u8],
    sections: &mut [Section<'_>],
) -> Result<()> {
    let target = section.sh_info(endian) as usize;
    let Some(target) = sections.get_mut(target) else {
        return Ok(());
    };
    let wanted = matches!(
        target.role,
        Role::Code | Role::ReadOnly | Role::Data | Role::Maps | Role::LegacyMaps
    );
    if !wanted {
        return Ok(());
    }
    if let Some((table, _)) = section.rel(endian, bytes).map_err(damaged)? {
        target
            .relocations
            .extend(table.iter().map(|entry| Relocation {
                offset: entry.r_offset(endian),
                kind: entry.r_type(endian).0,
                symbol: entry.r_sym(endian) as usize,
                addend: None,
            }));
    }
    if let Some((table, _)) = section.rela(endian, bytes).map_err(damaged)? {
        target
            .relocations
            .extend(table.iter().map(|entry| Relocation {
                offset: entry.r_offset(endian),
                kind: entry.r_type(endian, false).0,
                symbol: entry.r_sym(endian, false) as usize,
                addend: Some(entry.r_addend(endian)),
            }));
    }
    target
        .relocations
        .sort_by_key(|relocation| relocation.offset);
    let twice = target
        .relocations
        .windows(2)
        .find(|pair| pair[0].offset == pair[1].offset);
    match twice {
        Some(pair) => Err(Why::RelocationTwice.at(Place::section(target.name).at(pair[0].offset))),
        None => Ok(()),
    }
}

fn read_symbol<'a>(
    table: &object::read::elf::SymbolTable<'a, Header>,
    endian: Endianness,
    index: SymbolIndex,
    symbol: &elf::Sym64<Endianness>,
    sections: &[Section<'a>],
) -> Result<Symbol<'a>> {
    let home = match table.symbol_section(endian, symbol, index) {
        Ok(Some(SectionIndex(section))) => Home::Section(section),
        Ok(None) if symbol.is_common(endian) => Home::Common,
        Ok(None) if symbol.is_undefined(endian) => Home::Undefined,
        Ok(None) => Home::Absolute,
        Err(error) => return Err(damaged(error).into()),
    };
    let kind = symbol.st_type();
    let own = table.symbol_name(endian, symbol).map_err(damaged)?;
    let own = name_of(own)?;
    let name = match home {
        Home::Section(section) if kind == elf::STT_SECTION => {
            sections.get(section).map_or(own, |section| section.name)
        }
        _ => own,
    };
    Ok(Symbol {
        name,
        home,
        value: symbol.st_value(endian),
        size: symbol.st_size(endian),
        function: kind == elf::STT_FUNC,
        untyped: kind == elf::STT_NOTYPE,
        whole_section: kind == elf::STT_SECTION,
        global: !symbol.is_local(),
        weak: symbol.is_weak(),
    })
}
