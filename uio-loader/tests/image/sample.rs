//! Builds small Hermit images, well-formed unless a test breaks them.

use uio_loader::Error;
use uio_loader::elf::{Image, Source};
use uio_loader::load::load;

/// Where the parts lie in the file.
pub const PROGRAM_HEADERS: usize = 0x40;
pub const NOTES: usize = 0x200;
pub const SYMBOLS: usize = 0x280;
pub const RELOCATIONS: usize = 0x300;
pub const TEXT: usize = 0x400;
pub const DATA: usize = 0x420;
pub const DYNAMIC: usize = DATA + 0x40;

/// The program headers' numbers.
pub const LOAD_HEADERS: usize = 0;
pub const LOAD_TEXT: usize = 1;
pub const LOAD_DATA: usize = 2;
pub const TLS: usize = 3;

/// Symbols that relocations may name.
pub const DEFINED: u32 = 1;
pub const WEAK: u32 = 2;
pub const UNDEFINED: u32 = 3;

pub const R_64: u32 = 1;
pub const R_GLOB_DAT: u32 = 6;
pub const R_RELATIVE: u32 = 8;

/// A relocation: offset, kind, symbol, addend.
pub type Rela = (u64, u32, u32, u64);

/// Relocations of all served kinds into the data segment.
pub const GOOD: [Rela; 5] = [
    (0x2420, R_RELATIVE, 0, 0x1400),
    (0x2428, R_RELATIVE, 0, 0x2410),
    (0x2430, R_64, DEFINED, 0x10),
    (0x2438, R_GLOB_DAT, DEFINED, 0),
    (0x2440, R_64, WEAK, 0),
];

/// An image with the relocations `relas`.
pub fn image(relas: &[Rela]) -> Vec<u8> {
    let mut file = vec![0; 0x600];
    header(&mut file);
    let loads = [
        (0, 0, 0x3f8, 0x3f8, 4),
        (0x400, 0x1400, 0x20, 0x20, 5),
        (0x420, 0x2420, 0x100, 0x300, 6),
    ];
    for (index, (offset, address, file_len, mem_len, flags)) in loads.into_iter().enumerate() {
        program_header(
            &mut file,
            index,
            1,
            flags,
            [offset, address, file_len, mem_len, 0x1000],
        );
    }
    program_header(&mut file, 3, 7, 4, [0x500, 0x2500, 0x10, 0x30, 8]);
    program_header(&mut file, 4, 2, 6, [DYNAMIC as u64, 0x2460, 0x60, 0x60, 8]);
    program_header(
        &mut file,
        5,
        4,
        4,
        [NOTES as u64, NOTES as u64, 0x38, 0x38, 4],
    );
    put(
        &mut file,
        NOTES,
        &[
            4, 0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, b'G', b'N', b'U', 0, 6, 0, 0, 0,
        ],
    );
    put(
        &mut file,
        NOTES + 32,
        &[7, 0, 0, 0, 1, 0, 0, 0, 0, 0x5a, 0, 0],
    );
    put(&mut file, NOTES + 44, b"HERMIT\0\0\x04");
    for (index, info, section, value) in [(1, 0x10, 3, 0x1408u64), (2, 0x20, 0, 0), (3, 0x10, 0, 0)]
    {
        let at = SYMBOLS + 24 * index;
        put(&mut file, at + 4, &[info, 0, section, 0]);
        put(&mut file, at + 8, &value.to_le_bytes());
    }
    for (index, (offset, kind, symbol, addend)) in relas.iter().enumerate() {
        let at = RELOCATIONS + 24 * index;
        put(&mut file, at, &offset.to_le_bytes());
        put(&mut file, at + 8, &kind.to_le_bytes());
        put(&mut file, at + 12, &symbol.to_le_bytes());
        put(&mut file, at + 16, &addend.to_le_bytes());
    }
    file[TEXT..TEXT + 0x20].fill(0x90);
    put(&mut file, DATA + 0xe0, b"thread template!");
    put(&mut file, DATA + 0xf8, b"last 8 b");
    let dynamic = [
        (7, RELOCATIONS as u64),
        (8, 24 * relas.len() as u64),
        (9, 24),
        (6, SYMBOLS as u64),
        (0, 0),
    ];
    for (index, (tag, value)) in dynamic.into_iter().enumerate() {
        set_dynamic(&mut file, index, tag, value);
    }
    // The section headers: none, and the symbol table's.
    put(&mut file, 0x580 + 64 + 4, &11u32.to_le_bytes());
    put(&mut file, 0x580 + 64 + 24, &(SYMBOLS as u64).to_le_bytes());
    put(&mut file, 0x580 + 64 + 32, &(24u64 * 4).to_le_bytes());
    file
}

fn header(file: &mut [u8]) {
    put(file, 0, b"\x7fELF\x02\x01\x01\xff");
    for (at, value) in [
        (16, 3u16),
        (18, 62),
        (52, 64),
        (54, 56),
        (56, 6),
        (58, 64),
        (60, 2),
    ] {
        put(file, at, &value.to_le_bytes());
    }
    for (at, value) in [(24, 0x1404u64), (32, 0x40), (40, 0x580)] {
        put(file, at, &value.to_le_bytes());
    }
    put(file, 20, &[1]);
}

/// Writes `bytes` at `at`.
pub fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Writes program header `index`: offset, address, file length, memory length, alignment.
pub fn program_header(file: &mut [u8], index: usize, kind: u32, flags: u32, fields: [u64; 5]) {
    let at = PROGRAM_HEADERS + 56 * index;
    let [offset, address, file_len, mem_len, align] = fields;
    put(file, at, &kind.to_le_bytes());
    put(file, at + 4, &flags.to_le_bytes());
    for (at, value) in [
        (8, offset),
        (16, address),
        (24, address),
        (32, file_len),
        (40, mem_len),
        (48, align),
    ]
    .map(|(field, value)| (at + field, value))
    {
        put(file, at, &value.to_le_bytes());
    }
}

/// Writes entry `index` of the dynamic section.
pub fn set_dynamic(file: &mut [u8], index: usize, tag: u64, value: u64) {
    put(file, DYNAMIC + 16 * index, &tag.to_le_bytes());
    put(file, DYNAMIC + 16 * index + 8, &value.to_le_bytes());
}

/// A file in memory that fails the test when it is read beyond its end.
pub struct File<'a>(pub &'a [u8]);

impl Source for File<'_> {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&mut self, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        into.copy_from_slice(&self.0[offset as usize..][..into.len()]);
        Ok(())
    }
}

/// Checks and loads `file` for `base`, into memory that held something else.
pub fn load_at(file: &[u8], base: u64) -> Result<(Image, Vec<u8>), Error> {
    let image = Image::check(&mut File(file))?;
    let mut memory = vec![0xaa; image.mem_len as usize];
    load(&mut File(file), &image, &mut memory, base)?;
    Ok((image, memory))
}

/// Why `file` is refused.
pub fn refusal(file: &[u8]) -> Error {
    match load_at(file, 0x20_0000) {
        Err(error) => error,
        Ok(_) => panic!("a broken image was accepted"),
    }
}
