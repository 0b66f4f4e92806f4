//! Maps of an object: what `.maps`, `maps` and the sections of variables define.
//!
//! | module | maps |
//! |---|---|
//! | `described` | in `.maps`, described by BTF |
//! | `legacy` | in `maps`, as `struct bpf_map_def` |
//! | `data` | `.rodata`, `.data`, `.bss` |
//! | `rules` | what all of them must keep |

mod data;
mod described;
mod legacy;
mod rules;

pub use rules::name;

use std::collections::BTreeMap;

use uio_bpf::bundle::MapDef;

use crate::btf::Btf;
use crate::elf::{Elf, Home, Role};
use crate::error::{Place, Result, Why};

/// Most maps of an object, those of variables not counted.
const MOST: usize = 4096;

/// The maps of an object so far.
pub(crate) struct Maps {
    /// In the order in which programs count them.
    pub defs: Vec<MapDef>,
    /// Maps by section and offset.
    places: BTreeMap<(usize, u64), u32>,
    /// Maps of whole sections.
    sections: BTreeMap<usize, u32>,
    /// Program arrays with first values: number of the map, section, where the values begin and end in it.
    pub values: Vec<Values>,
    /// How many more types there may be.
    types_left: usize,
}

/// First values of a program array.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values {
    /// The map.
    pub map: usize,
    /// Number of the section.
    pub section: usize,
    /// Where the values begin, in bytes from the section's beginning.
    pub from: u64,
    /// Where they end.
    pub to: u64,
}

impl Maps {
    /// The maps of `.maps` and `maps`; those of variables come when programs refer to them.
    ///
    /// # Errors
    /// Which rule a definition breaks.
    pub fn read(elf: &Elf<'_>, btf: Option<&Btf<'_>>) -> Result<Self> {
        let mut maps = Self {
            defs: Vec::new(),
            places: BTreeMap::new(),
            sections: BTreeMap::new(),
            values: Vec::new(),
            types_left: crate::types::MOST,
        };
        if let Some((section, _)) = elf.of_role(Role::Maps) {
            let btf = btf.ok_or_else(|| Why::NoBtf.at(Place::section(".maps")))?;
            maps.read_described(elf, section, btf)?;
        }
        if let Some((section, _)) = elf.of_role(Role::LegacyMaps) {
            maps.read_legacy(elf, section, btf)?;
        }
        maps.check_addresses(elf)?;
        Ok(maps)
    }

    /// The map that begins at an offset of a section.
    pub fn at(&self, section: usize, offset: u64) -> Option<u32> {
        self.places.get(&(section, offset)).copied()
    }

    fn add(&mut self, section: usize, offset: u64, def: MapDef) -> Result<u32, Why> {
        if self.defs.len() >= MOST {
            return Err(Why::Count(MOST, "maps"));
        }
        let index = self.defs.len() as u32;
        self.defs.push(def);
        match self.places.insert((section, offset), index) {
            None => Ok(index),
            Some(_) => Err(Why::Function),
        }
    }

    /// Relocations in definitions are first values of program arrays.
    fn check_addresses(&self, elf: &Elf<'_>) -> Result<()> {
        let definitions = elf.sections.iter().enumerate();
        let definitions = definitions
            .filter(|(_, section)| matches!(section.role, Role::Maps | Role::LegacyMaps));
        for (index, section) in definitions {
            for relocation in &section.relocations {
                let expected = self.values.iter().any(|values| {
                    values.section == index && (values.from..values.to).contains(&relocation.offset)
                });
                if !expected {
                    let place = Place::section(section.name).at(relocation.offset);
                    let name = elf.symbol(relocation, &place)?.name;
                    return Err(Why::Address(name.to_owned()).at(place));
                }
            }
        }
        Ok(())
    }
}

/// Symbols of maps: name, offset and size of each, by offset.
fn symbols<'a>(elf: &Elf<'a>, section: usize) -> Vec<(&'a str, u64, u64)> {
    let mut found: Vec<_> = elf
        .symbols
        .iter()
        .filter(|symbol| symbol.home == Home::Section(section))
        .filter(|symbol| !symbol.whole_section && !symbol.name.is_empty())
        .map(|symbol| (symbol.name, symbol.value, symbol.size))
        .collect();
    found.sort_by_key(|&(_, offset, _)| offset);
    found
}
