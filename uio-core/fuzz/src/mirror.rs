//! What an image should look like, worked out from the object again, by other code than the
//! linker's: where each section goes, and which bytes of it a relocation may change.

use std::ops::Range;

use object::LittleEndian as LE;
use object::elf::{self, FileHeader64, Rela64, SectionHeader64, Sym64};
use object::pod;

/// What stands between sections of code: INT3.
const PADDING: u8 = 0xcc;

/// A section in its place.
pub struct Placed<'a> {
    /// Its index in the object.
    pub index: usize,
    /// Which part of the image it is in: text, constants, data, zeroes.
    pub part: usize,
    /// Where it is in the image.
    pub at: Range<usize>,
    /// Its bytes in the file; empty if it is all zeroes.
    pub contents: &'a [u8],
}

/// A relocation of a placed section.
#[derive(Clone, Copy)]
pub struct Field {
    /// Offset in the image of the first byte that it patches.
    pub at: usize,
    /// Bytes that it patches.
    pub len: usize,
    /// `R_X86_64_*`.
    pub kind: u32,
    /// Index of its symbol.
    pub symbol: usize,
    /// Its addend.
    pub addend: i64,
}

/// Where everything is in an image.
pub struct Mirror<'a> {
    /// The sections that are loaded, in the order of the image.
    pub placed: Vec<Placed<'a>>,
    /// The relocations of these, as they come.
    pub fields: Vec<Field>,
    /// End of the executable sections, where stubs follow.
    pub text: usize,
    /// Start of the global offset table, behind the constants.
    pub got: usize,
    /// Indices of the common symbols, and where they are in the image.
    pub commons: Vec<(usize, usize)>,
    /// The symbol table.
    pub symbols: &'a [Sym64<LE>],
}

/// The section headers of an object.
pub fn sections(object: &[u8]) -> &[SectionHeader64<LE>] {
    let (header, _) = pod::from_bytes::<FileHeader64<LE>>(object).expect("a header");
    let at = header.e_shoff.get(LE) as usize;
    let count = header.e_shnum.get(LE).into();
    pod::slice_from_bytes(&object[at..], count)
        .expect("section headers")
        .0
}

/// The bytes of a section in the file.
pub fn contents<'a>(object: &'a [u8], section: &SectionHeader64<LE>) -> &'a [u8] {
    if section.sh_type.get(LE) == elf::SHT_NOBITS {
        return &[];
    }
    let at = section.sh_offset.get(LE) as usize;
    &object[at..at + section.sh_size.get(LE) as usize]
}

/// Bytes that a relocation of this type patches.
pub fn width(kind: u32) -> usize {
    match kind {
        0 => 0,
        14 | 15 => 1,
        12 | 13 => 2,
        1 | 24 | 25 | 27..=31 | 33 => 8,
        _ => 4,
    }
}

/// [`Placed::part`] of a section that is loaded.
fn part(section: &SectionHeader64<LE>) -> Option<usize> {
    let flags = section.sh_flags.get(LE).0;
    let zero = section.sh_type.get(LE) == elf::SHT_NOBITS;
    match (flags & 2 != 0, flags & 4 != 0, flags & 1 != 0) {
        (false, _, _) => None,
        (true, true, _) => Some(0),
        (true, false, false) => Some(1),
        (true, false, true) => Some(2 + usize::from(zero)),
    }
}

fn align(at: usize, to: usize) -> usize {
    at.next_multiple_of(to.max(1))
}

impl<'a> Mirror<'a> {
    /// Works it out for an object that was linked to an image with this end of the text and this
    /// start of the data.
    ///
    /// # Panics
    /// When the object is not one that can be linked.
    pub fn new(object: &'a [u8], text_end: usize, data: usize) -> Self {
        let sections = sections(object);
        let mut mirror = Self {
            placed: Vec::new(),
            fields: Vec::new(),
            text: 0,
            got: 0,
            commons: Vec::new(),
            symbols: &[],
        };
        let mut cursor = 0;
        for which in 0..4 {
            for (index, section) in sections.iter().enumerate() {
                if part(section) == Some(which) {
                    let from = align(cursor, section.sh_addralign.get(LE) as usize);
                    cursor = from + section.sh_size.get(LE) as usize;
                    mirror.placed.push(Placed {
                        index,
                        part: which,
                        at: from..cursor,
                        contents: contents(object, section),
                    });
                }
            }
            match which {
                0 => mirror.text = std::mem::replace(&mut cursor, text_end),
                1 => mirror.got = align(std::mem::replace(&mut cursor, data), 8),
                _ => {}
            }
        }
        let table = sections
            .iter()
            .find(|section| section.sh_type.get(LE) == elf::SHT_SYMTAB);
        if let Some(table) = table {
            mirror.symbols = pod::slice_from_all_bytes(contents(object, table)).expect("symbols");
        }
        for (index, symbol) in mirror.symbols.iter().enumerate() {
            if symbol.st_shndx.get(LE) == elf::SHN_COMMON {
                let from = align(cursor, symbol.st_value.get(LE) as usize);
                cursor = from + symbol.st_size.get(LE) as usize;
                mirror.commons.push((index, from));
            }
        }
        mirror.read_fields(object, sections);
        mirror
    }

    fn read_fields(&mut self, object: &'a [u8], sections: &[SectionHeader64<LE>]) {
        for table in sections {
            let target = table.sh_info.get(LE) as usize;
            let Some(placed) = self.placed.iter().find(|placed| placed.index == target) else {
                continue;
            };
            if table.sh_type.get(LE) != elf::SHT_RELA {
                continue;
            }
            let relocations: &[Rela64<LE>] =
                pod::slice_from_all_bytes(contents(object, table)).expect("relocations");
            self.fields.extend(relocations.iter().map(|relocation| {
                let kind = relocation.r_info.get(LE) as u32;
                Field {
                    at: placed.at.start
                        + relocation.r_offset.get(LE) as usize * (kind != 0) as usize,
                    len: width(kind),
                    kind,
                    symbol: (relocation.r_info.get(LE) >> 32) as usize,
                    addend: relocation.r_addend.get(LE),
                }
            }));
        }
    }

    /// What an image must hold, without what relocations, stubs and the global offset table add:
    /// none where they may.
    pub fn bytes(&self, size: usize, text_end: usize, data: usize) -> Vec<Option<u8>> {
        let mut bytes = vec![Some(0); size];
        bytes[..align(self.text, 8).min(text_end)].fill(Some(PADDING));
        for placed in &self.placed {
            bytes[placed.at.clone()].fill(Some(0));
            for (to, from) in bytes[placed.at.clone()].iter_mut().zip(placed.contents) {
                *to = Some(*from);
            }
        }
        bytes[align(self.text, 8).min(text_end)..text_end].fill(None);
        bytes[self.got.min(data)..data].fill(None);
        for field in &self.fields {
            bytes[field.at..field.at + field.len].fill(None);
        }
        bytes
    }
}
