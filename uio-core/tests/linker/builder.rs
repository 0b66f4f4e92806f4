//! Objects made by hand, to break one rule at a time.

/// `SHT_*`.
pub const PROGBITS: u32 = 1;
pub const SYMTAB: u32 = 2;
pub const STRTAB: u32 = 3;
pub const RELA: u32 = 4;
pub const NOBITS: u32 = 8;
pub const REL: u32 = 9;
pub const INIT_ARRAY: u32 = 14;
/// `SHF_*`.
pub const WRITE: u64 = 1;
pub const ALLOC: u64 = 2;
pub const EXECUTE: u64 = 4;
pub const TLS: u64 = 0x400;
pub const COMPRESSED: u64 = 0x800;
/// `st_info` of global symbols.
pub const GLOBAL_NOTYPE: u8 = 0x10;
pub const GLOBAL_FUNCTION: u8 = 0x12;
pub const GLOBAL_TLS: u8 = 0x16;
pub const GLOBAL_IFUNC: u8 = 0x1a;
pub const WEAK_NOTYPE: u8 = 0x20;
pub const LOCAL_SECTION: u8 = 0x03;
/// `SHN_*`.
pub const UNDEF: u16 = 0;
pub const ABS: u16 = 0xfff1;
pub const COMMON: u16 = 0xfff2;

/// Machine of the objects that are loaded here.
#[cfg(target_arch = "aarch64")]
pub const MACHINE: u16 = 183;
#[cfg(not(target_arch = "aarch64"))]
pub const MACHINE: u16 = 62;

/// A section; its fields are those of the header.
#[derive(Clone, Default)]
pub struct Section {
    pub name: &'static str,
    pub kind: u32,
    pub flags: u64,
    pub align: u64,
    pub contents: Vec<u8>,
    pub link: u32,
    pub info: u32,
    pub entry: u64,
    /// In place of the length of `contents`.
    pub size: Option<u64>,
    /// In place of where the contents are.
    pub offset: Option<u64>,
}

/// A symbol; its fields are those of the table.
#[derive(Clone, Copy)]
pub struct Symbol {
    pub name: &'static str,
    pub info: u8,
    pub section: u16,
    pub value: u64,
    pub size: u64,
}

/// An object: the null section, `sections`, then the symbol and string tables.
#[derive(Clone, Default)]
pub struct Object {
    pub sections: Vec<Section>,
    pub symbols: Vec<Symbol>,
}

/// Code of `int main(void) { return 0; }` on x86-64, and some space.
pub const MAIN: [u8; 16] = [0x31, 0xc0, 0xc3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

impl Object {
    /// An object with `main` alone; `.text` is section 1.
    pub fn new() -> Self {
        Self::default()
            .section(Section {
                name: ".text",
                kind: PROGBITS,
                flags: ALLOC | EXECUTE,
                align: 16,
                contents: MAIN.to_vec(),
                ..Section::default()
            })
            .symbol("main", GLOBAL_FUNCTION, 1, 0)
    }

    pub fn section(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }

    pub fn symbol(mut self, name: &'static str, info: u8, section: u16, value: u64) -> Self {
        self.symbols.push(Symbol {
            name,
            info,
            section,
            value,
            size: 8,
        });
        self
    }

    /// Adds relocations (offset, type, symbol, addend) of section `target`. Symbol 1 is the first.
    pub fn relocations(self, target: u32, relocations: &[(u64, u32, u32, i64)]) -> Self {
        let mut contents = Vec::new();
        for &(offset, kind, symbol, addend) in relocations {
            contents.extend(offset.to_le_bytes());
            contents.extend((u64::from(symbol) << 32 | u64::from(kind)).to_le_bytes());
            contents.extend(addend.to_le_bytes());
        }
        self.section(Section {
            name: ".rela",
            kind: RELA,
            align: 8,
            contents,
            link: u32::MAX,
            info: target,
            entry: 24,
            ..Section::default()
        })
    }

    /// Index of the symbol table.
    pub fn symbol_table(&self) -> u32 {
        self.sections.len() as u32 + 1
    }

    /// The object's bytes.
    pub fn build(&self) -> Vec<u8> {
        let mut strings = vec![0];
        let mut name = |text: &str| {
            let at = strings.len() as u32;
            strings.extend(text.bytes());
            strings.push(0);
            at
        };
        let mut table = vec![0; 24];
        for symbol in &self.symbols {
            table.extend(name(symbol.name).to_le_bytes());
            table.extend([symbol.info, 0]);
            table.extend(symbol.section.to_le_bytes());
            table.extend(symbol.value.to_le_bytes());
            table.extend(symbol.size.to_le_bytes());
        }
        let mut sections = vec![Section::default()];
        sections.extend(self.sections.iter().cloned());
        sections.push(Section {
            name: ".symtab",
            kind: SYMTAB,
            align: 8,
            contents: table,
            link: self.symbol_table() + 1,
            entry: 24,
            ..Section::default()
        });
        let names: Vec<u32> = sections.iter().map(|section| name(section.name)).collect();
        sections.push(Section {
            kind: STRTAB,
            contents: strings,
            ..Section::default()
        });

        let mut bytes = vec![0; 64];
        let mut headers = Vec::new();
        for (index, section) in sections.iter().enumerate() {
            let link = if section.link == u32::MAX {
                self.symbol_table()
            } else {
                section.link
            };
            let offset = section.offset.unwrap_or(bytes.len() as u64);
            let size = section.size.unwrap_or(section.contents.len() as u64);
            headers.extend(names.get(index).unwrap_or(&0).to_le_bytes());
            headers.extend(section.kind.to_le_bytes());
            for field in [section.flags, 0, offset, size] {
                headers.extend(field.to_le_bytes());
            }
            headers.extend(link.to_le_bytes());
            headers.extend(section.info.to_le_bytes());
            headers.extend(section.align.to_le_bytes());
            headers.extend(section.entry.to_le_bytes());
            bytes.extend(&section.contents);
        }
        let at = bytes.len() as u64;
        bytes.extend(headers);
        bytes[..20].copy_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x01\0\0\0");
        bytes[18..20].copy_from_slice(&MACHINE.to_le_bytes());
        bytes[20] = 1;
        bytes[40..48].copy_from_slice(&at.to_le_bytes());
        bytes[52] = 64;
        bytes[58] = 64;
        bytes[60..62].copy_from_slice(&(sections.len() as u16).to_le_bytes());
        bytes[62..64].copy_from_slice(&(sections.len() as u16 - 1).to_le_bytes());
        bytes
    }
}
