//! Objects made by hand: as wrong as one likes.

/// A section.
pub struct Section {
    pub name: &'static str,
    pub kind: u32,
    pub flags: u64,
    pub data: Vec<u8>,
    /// Its size; that of its data unless it says something else.
    pub size: Option<u64>,
    /// Relocations: offset, symbol, type, and an addend if there are addends.
    pub relocations: Vec<(u64, u32, u32)>,
    pub addends: Option<Vec<i64>>,
}

/// A symbol.
pub struct Symbol {
    pub name: &'static str,
    /// Binding and type.
    pub info: u8,
    /// Its section's number, which begins at 1.
    pub section: u16,
    pub value: u64,
    pub size: u64,
}

/// An object.
#[derive(Default)]
pub struct Maker {
    pub sections: Vec<Section>,
    pub symbols: Vec<Symbol>,
}

pub const GLOBAL_FUNCTION: u8 = 0x12;
pub const LOCAL_FUNCTION: u8 = 0x02;
pub const GLOBAL_OBJECT: u8 = 0x11;
pub const GLOBAL: u8 = 0x10;
pub const LOCAL_SECTION: u8 = 0x03;
pub const ABSOLUTE: u16 = 0xfff1;

/// A section of code.
pub fn code(name: &'static str, hex: &str) -> Section {
    section(name, 1, 6, uio_bpf_object::bytes(hex.as_bytes()).unwrap())
}

/// A section of data.
pub fn data(name: &'static str, bytes: &[u8]) -> Section {
    section(name, 1, 3, bytes.to_vec())
}

fn section(name: &'static str, kind: u32, flags: u64, data: Vec<u8>) -> Section {
    Section {
        name,
        kind,
        flags,
        data,
        size: None,
        relocations: Vec::new(),
        addends: None,
    }
}

impl Section {
    /// The same with a relocation.
    pub fn relocated(mut self, offset: u64, symbol: u32, kind: u32) -> Self {
        self.relocations.push((offset, symbol, kind));
        self
    }
}

/// A symbol, which is number 1 and so on.
pub fn symbol(name: &'static str, info: u8, section: u16, value: u64, size: u64) -> Symbol {
    Symbol {
        name,
        info,
        section,
        value,
        size,
    }
}

struct Header {
    name: u32,
    kind: u32,
    flags: u64,
    offset: u64,
    size: u64,
    link: u32,
    info: u32,
    entry: u64,
}

impl Maker {
    /// The file.
    pub fn file(&self) -> Vec<u8> {
        let mut strings = vec![0];
        let mut intern = |text: &str| {
            let at = strings.len() as u32;
            strings.extend(text.bytes().chain([0]));
            at
        };
        let mut file = vec![0; 64];
        let mut headers = Vec::new();
        for own in &self.sections {
            let name = intern(own.name);
            let offset = file.len() as u64;
            file.extend(&own.data);
            headers.push(Header {
                name,
                kind: own.kind,
                flags: own.flags,
                offset,
                size: own.size.unwrap_or(own.data.len() as u64),
                link: 0,
                info: 0,
                entry: 0,
            });
        }
        // Behind the sections: symbols, strings, relocations.
        let symtab = self.sections.len() as u32 + 1;
        let mut table = vec![0; 24];
        for own in &self.symbols {
            table.extend(intern(own.name).to_le_bytes());
            table.extend([own.info, 0]);
            table.extend(own.section.to_le_bytes());
            table.extend(own.value.to_le_bytes());
            table.extend(own.size.to_le_bytes());
        }
        let mut tables = vec![(".symtab", 2, table, symtab + 1, 1, 24)];
        for (index, own) in self.sections.iter().enumerate() {
            if own.relocations.is_empty() {
                continue;
            }
            let mut table = Vec::new();
            for (index, (offset, symbol, kind)) in own.relocations.iter().enumerate() {
                table.extend(offset.to_le_bytes());
                table.extend(kind.to_le_bytes());
                table.extend(symbol.to_le_bytes());
                if let Some(addends) = &own.addends {
                    table.extend(addends[index].to_le_bytes());
                }
            }
            let (kind, entry) = if own.addends.is_some() {
                (4, 24)
            } else {
                (9, 16)
            };
            tables.push((".rel", kind, table, symtab, index as u32 + 1, entry));
        }
        let names: Vec<u32> = tables.iter().map(|table| intern(table.0)).collect();
        let own = intern(".strtab");
        tables.insert(1, (".strtab", 3, strings, 0, 0, 0));
        let mut names = names.into_iter();
        for (name, kind, bytes, link, info, entry) in tables {
            headers.push(Header {
                name: if name == ".strtab" {
                    own
                } else {
                    names.next().unwrap()
                },
                kind,
                flags: 0,
                offset: file.len() as u64,
                size: bytes.len() as u64,
                link,
                info,
                entry,
            });
            file.extend(bytes);
        }
        let at = file.len() as u64;
        file.extend([0; 64]);
        for header in &headers {
            header.write(&mut file);
        }
        write_file_header(&mut file, at, headers.len() as u16 + 1, symtab as u16 + 1);
        file
    }
}

impl Header {
    fn write(&self, file: &mut Vec<u8>) {
        file.extend(self.name.to_le_bytes());
        file.extend(self.kind.to_le_bytes());
        for word in [self.flags, 0, self.offset, self.size] {
            file.extend(word.to_le_bytes());
        }
        file.extend(self.link.to_le_bytes());
        file.extend(self.info.to_le_bytes());
        file.extend(1u64.to_le_bytes());
        file.extend(self.entry.to_le_bytes());
    }
}

fn write_file_header(file: &mut [u8], sections: u64, count: u16, strings: u16) {
    file[..16].copy_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    file[16..24].copy_from_slice(&[1, 0, 247, 0, 1, 0, 0, 0]);
    file[40..48].copy_from_slice(&sections.to_le_bytes());
    file[52..54].copy_from_slice(&64u16.to_le_bytes());
    file[58..60].copy_from_slice(&64u16.to_le_bytes());
    file[60..62].copy_from_slice(&count.to_le_bytes());
    file[62..64].copy_from_slice(&strings.to_le_bytes());
}
