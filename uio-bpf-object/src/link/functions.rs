//! The functions of an object: where each lies, and which are programs.

use std::collections::HashMap;

use uio_bpf::isa::Insn;

use crate::elf::{Elf, Home, Role, Section};
use crate::error::{Place, Result, Why};

/// A function.
pub(crate) struct Function<'a> {
    /// Its name.
    pub name: &'a str,
    /// Number of its section.
    pub section: usize,
    /// Its first byte in the section.
    pub start: u64,
    /// Behind its last byte.
    pub end: u64,
    /// Other files see it.
    pub global: bool,
}

impl Function<'_> {
    /// How many instructions it has.
    pub fn len(&self) -> usize {
        usize::try_from((self.end - self.start) / Insn::LEN as u64).unwrap_or(usize::MAX)
    }

    /// Its bytes; none if it has no place.
    pub fn code<'a>(&self, elf: &Elf<'a>) -> &'a [[u8; Insn::LEN]] {
        let place = usize::try_from(self.start)
            .ok()
            .zip(usize::try_from(self.end).ok());
        let code = elf
            .sections
            .get(self.section)
            .zip(place)
            .and_then(|(section, (start, end))| section.data.get(start..end));
        code.unwrap_or_default().as_chunks().0
    }
}

/// All functions, by section and offset.
pub(crate) struct Functions<'a> {
    /// Each of them, in order.
    pub list: Vec<Function<'a>>,
    by_start: HashMap<(usize, u64), usize>,
}

impl<'a> Functions<'a> {
    /// Finds them.
    ///
    /// # Errors
    /// When one lies outside its section or over another.
    pub fn find(elf: &Elf<'a>) -> Result<Self> {
        let mut own: HashMap<usize, Vec<Function<'a>>> = HashMap::new();
        let mut untyped: HashMap<usize, Vec<Function<'a>>> = HashMap::new();
        for symbol in &elf.symbols {
            let Home::Section(section) = symbol.home else {
                continue;
            };
            let list = match (symbol.function, symbol.untyped && symbol.global) {
                (true, _) => &mut own,
                (_, true) => &mut untyped,
                _ => continue,
            };
            list.entry(section).or_default().push(Function {
                name: symbol.name,
                section,
                start: symbol.value,
                end: symbol.value.saturating_add(symbol.size),
                global: symbol.global,
            });
        }
        let mut found = Self {
            list: Vec::new(),
            by_start: HashMap::new(),
        };
        for (index, section) in elf.sections.iter().enumerate() {
            if section.role == Role::Code {
                // Assemblers do not mark functions by themselves, and may name nothing at all.
                let list = own.remove(&index).or_else(|| untyped.remove(&index));
                let list = list.unwrap_or_else(|| vec![whole(section, index)]);
                found.add(section, list)?;
            }
        }
        Ok(found)
    }

    /// The function that begins at an offset of a section.
    pub fn at(&self, section: usize, offset: u64) -> Option<usize> {
        self.by_start.get(&(section, offset)).copied()
    }

    fn add(&mut self, section: &Section<'a>, mut list: Vec<Function<'a>>) -> Result<()> {
        let place = || Place::section(section.name);
        if !section.size.is_multiple_of(Insn::LEN as u64) {
            let len = section.size;
            return Err(Why::Length { len }.at(place()));
        }
        list.sort_by_key(|function| function.start);
        // One without a size goes up to the next.
        let mut next = section.size;
        let mut after = section.size;
        for function in list.iter_mut().rev() {
            if function.start != after {
                next = after;
                after = function.start;
            }
            if function.end == function.start {
                function.end = next;
            }
            let wrong = function.start >= function.end
                || function.end > next
                || function.start % Insn::LEN as u64 != 0
                || function.end % Insn::LEN as u64 != 0;
            if wrong {
                return Err(Why::Function.at(place().at(function.start).of(function.name)));
            }
        }
        for function in list {
            let key = (function.section, function.start);
            self.by_start.entry(key).or_insert(self.list.len());
            self.list.push(function);
        }
        Ok(())
    }
}

/// All of a section as one function, named after the section.
fn whole<'a>(section: &Section<'a>, index: usize) -> Function<'a> {
    let name = section.name;
    Function {
        name: name.split_once('/').map_or(name, |(word, _)| word),
        section: index,
        start: 0,
        end: section.size,
        global: true,
    }
}

/// Whether a section holds functions that are no programs.
pub(crate) fn is_text(name: &str) -> bool {
    name == ".text" || name.starts_with(".text.")
}
