//! Names of a program's own functions: read from its object file when they are needed, which is
//! after a fault, as a program in memory has none.

use alloc::boxed::Box;
use alloc::vec::Vec;

use object::elf::{SHT_SYMTAB, STT_FUNC, STT_NOTYPE};

use super::load;
use super::registry::Program;
use crate::command::{Context, buffer};
use crate::files::File;

/// Bytes of a section header (gABI 4.1, figure 4-8).
const SECTION: usize = 64;
/// Bytes of a symbol (gABI 4.1, figure 4-16).
const SYMBOL: usize = 24;
/// Symbols that are read at once.
const SYMBOLS: usize = 170;
/// The most bytes of a name.
const NAME: usize = 1024;

/// A part of the file.
#[derive(Clone, Copy)]
struct Part {
    from: u64,
    size: u64,
}

/// The function that lies nearest before a place.
#[derive(Clone, Copy)]
struct Nearest {
    /// Offset of the place in the program.
    place: u64,
    /// Offset of the function in the program, and of its name among the names.
    function: Option<(u64, u32)>,
}

/// Names of the functions around some places of a program.
pub struct Trace {
    file: Box<dyn File>,
    bytes: Vec<u8>,
    names: Part,
    nearest: Vec<Nearest>,
}

impl Trace {
    /// Looks for the functions around `places`, offsets in a program. `None` if its file cannot be
    /// read, or is not the one any more that it was loaded from.
    pub fn new(cx: &Context<'_>, program: &Program, places: &[u64]) -> Option<Self> {
        let source = load::open(cx, &program.path).ok()?;
        if source.version != program.version {
            return None;
        }
        let mut nearest = Vec::new();
        nearest.try_reserve_exact(places.len()).ok()?;
        nearest.extend(places.iter().map(|&place| Nearest {
            place,
            function: None,
        }));
        let mut trace = Self {
            file: source.file,
            bytes: buffer(SYMBOLS * SYMBOL).ok()?,
            names: Part { from: 0, size: 0 },
            nearest,
        };
        trace.search(program)?;
        Some(trace)
    }

    /// The function around the place with this index: its name and its offset in the program.
    pub fn name(&mut self, index: usize) -> Option<(&[u8], u64)> {
        let (start, at) = self.nearest.get(index)?.function?;
        let left = self.names.size.checked_sub(at.into())?;
        let most = left.min(NAME as u64) as usize;
        self.read(self.names.from.checked_add(at.into())?, most)?;
        let name = self.bytes.get(..most)?.split(|&byte| byte == 0).next()?;
        (!name.is_empty()).then_some((name, start))
    }

    /// Goes through the symbols.
    fn search(&mut self, program: &Program) -> Option<()> {
        let (symbols, names) = self.tables()?;
        self.names = names;
        let mut done = 0;
        while done < symbols.size {
            let piece = (symbols.size - done).min((SYMBOLS * SYMBOL) as u64) as usize;
            self.read(symbols.from.checked_add(done)?, piece)?;
            for symbol in self.bytes.get(..piece)?.as_chunks::<SYMBOL>().0 {
                note(&mut self.nearest, program, symbol);
            }
            done += piece as u64;
        }
        Some(())
    }

    /// The table of symbols, and their names.
    fn tables(&mut self) -> Option<(Part, Part)> {
        self.read(0, SECTION)?;
        // gABI 4.1, figure 4-3: `e_shoff`, `e_shnum`.
        let headers = u64_at(&self.bytes, 0x28)?;
        let count = u16_at(&self.bytes, 0x3c)?;
        for index in 0..u64::from(count) {
            let (kind, symbols, link) = self.section(headers, index)?;
            if kind == SHT_SYMTAB.0 {
                let (_, names, _) = self.section(headers, link.into())?;
                return Some((symbols, names));
            }
        }
        None
    }

    /// Type, contents and link of a section.
    fn section(&mut self, headers: u64, index: u64) -> Option<(u32, Part, u32)> {
        self.read(headers.checked_add(index * SECTION as u64)?, SECTION)?;
        let part = Part {
            from: u64_at(&self.bytes, 24)?,
            size: u64_at(&self.bytes, 32)?,
        };
        Some((u32_at(&self.bytes, 4)?, part, u32_at(&self.bytes, 40)?))
    }

    /// Reads so many bytes to the start of the buffer.
    fn read(&mut self, from: u64, count: usize) -> Option<()> {
        let mut done = 0;
        while done < count {
            let rest = self.bytes.get_mut(done..count)?;
            match self.file.read_at(from.checked_add(done as u64)?, rest) {
                Ok(0) | Err(_) => return None,
                Ok(some) => done += some,
            }
        }
        Some(())
    }
}

/// Takes note of a symbol where it is nearer than what was found so far.
fn note(nearest: &mut [Nearest], program: &Program, symbol: &[u8; SYMBOL]) {
    let image = &program.image;
    let kind = symbol.get(4).map_or(0, |info| info & 0xf);
    let section = u16_at(symbol, 6).unwrap_or(0);
    let (Some(name), Some(value)) = (u32_at(symbol, 0), u64_at(symbol, 8)) else {
        return;
    };
    let Some(&base) = image.places.get(usize::from(section)) else {
        return;
    };
    let named = name != 0 && (kind == STT_FUNC.0 || kind == STT_NOTYPE.0);
    let start = u64::from(base).saturating_add(value);
    if !named || section == 0 || start >= image.text.end as u64 {
        return;
    }
    for near in nearest {
        let nearer = near.function.is_none_or(|(found, _)| found <= start);
        if start <= near.place && nearer {
            near.function = Some((start, name));
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_le_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}
