//! Objects made from a list of choices: most of them can be linked, so that what comes after the
//! parser sees more than refusals.

use super::builder::{
    ABS, ALLOC, COMMON, EXECUTE, GLOBAL_FUNCTION, GLOBAL_NOTYPE, INIT_ARRAY, LOCAL_SECTION, NOBITS,
    Object, PROGBITS, Section, UNDEF, WEAK_NOTYPE, WRITE,
};

/// Choices, one after the other; zeroes at their end.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&first, rest)) => {
                self.0 = rest;
                first
            }
            None => 0,
        }
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit.max(1)
    }

    /// A number: mostly a small one, sometimes one on an edge.
    fn number(&mut self) -> u64 {
        let byte = self.byte();
        match byte >> 5 {
            0..=4 => u64::from(byte),
            5 => u64::from(byte) << (self.byte() % 64),
            6 => u64::MAX - u64::from(byte & 31),
            _ => (1 << (byte & 63)) - 1,
        }
    }
}

const NAMES: [&str; 6] = [
    ".text.more",
    ".rodata",
    ".data",
    ".init_array.7",
    ".fini_array",
    ".bss",
];

/// `SHT_FINI_ARRAY`.
const FINI_ARRAY: u32 = 15;

const SYMBOLS: [&str; 7] = [
    "near",
    "far",
    "zero",
    "unknown",
    "_GLOBAL_OFFSET_TABLE_",
    "main",
    "",
];

/// The types of relocations that are applied, and some that are not.
const KINDS: [u32; 24] = [
    0, 1, 2, 3, 4, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 31, 32, 33, 41, 42, 23,
];

fn section(choices: &mut Choices<'_>) -> Section {
    let (kind, flags) = [
        (PROGBITS, ALLOC | EXECUTE),
        (PROGBITS, ALLOC),
        (PROGBITS, ALLOC | WRITE),
        (NOBITS, ALLOC | WRITE),
        (INIT_ARRAY, ALLOC | WRITE),
        (FINI_ARRAY, ALLOC | WRITE),
        (PROGBITS, 0),
        (NOBITS, ALLOC),
    ][choices.below(8)];
    let size = choices.below(65);
    let mut section = Section {
        name: NAMES[choices.below(NAMES.len())],
        kind,
        flags,
        align: 1 << choices.below(13),
        ..Section::default()
    };
    if kind == NOBITS {
        section.size = Some(choices.number());
    } else {
        let fill = choices.byte();
        section.contents = vec![fill; size];
    }
    section
}

fn symbol(object: Object, choices: &mut Choices<'_>) -> Object {
    let name = SYMBOLS[choices.below(SYMBOLS.len())];
    let sections = object.sections.len() as u16;
    let info = [
        GLOBAL_NOTYPE,
        WEAK_NOTYPE,
        GLOBAL_FUNCTION,
        LOCAL_SECTION,
        0,
    ][choices.below(5)];
    let (home, value) = match choices.byte() % 8 {
        0 | 1 => (UNDEF, 0),
        2 => (ABS, choices.number()),
        3 => (COMMON, 1 << choices.below(13)),
        _ => (1 + choices.below(sections.into()) as u16, choices.number()),
    };
    let mut object = object.symbol(name, info, home, value);
    if let Some(symbol) = object.symbols.last_mut() {
        symbol.size = choices.number();
    }
    object
}

/// An object.
pub fn object(choices: &[u8]) -> Vec<u8> {
    let mut choices = Choices(choices);
    let base = choices.byte();
    let mut object = Object::new();
    for _ in 0..choices.below(12) {
        object = object.section(section(&mut choices));
    }
    for _ in 0..choices.below(12) {
        object = symbol(object, &mut choices);
    }
    let symbols = object.symbols.len() as u32;
    for _ in 0..choices.below(6) {
        let target = 1 + choices.below(object.sections.len()) as u32;
        let relocations: Vec<_> = (0..choices.below(16))
            .map(|_| {
                let kind = KINDS[choices.below(KINDS.len())];
                let symbol = choices.below(symbols as usize + 1) as u32;
                let offset = choices.number();
                (offset, kind, symbol, choices.number() as i64)
            })
            .collect();
        object = object.relocations(target, &relocations);
    }
    let mut bytes = object.build();
    // Chooses the address of the image.
    bytes[15] = base;
    bytes
}
