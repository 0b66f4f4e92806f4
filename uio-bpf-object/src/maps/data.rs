//! Sections of variables as maps: arrays of one value, which is the section.

use std::collections::HashMap;

use uio_bpf::bundle::{MapDef, MapKind, map_flags};

use super::Maps;
use crate::btf::{Btf, Id};
use crate::elf::{Elf, Home, Role};
use crate::error::{Place, Result, Why};
use crate::types::Builder;

impl Maps {
    /// The map of a section of variables.
    ///
    /// # Errors
    /// When it is none, too long, or holds addresses.
    pub fn of_section(
        &mut self,
        elf: &Elf<'_>,
        index: usize,
        btf: Option<&Btf<'_>>,
        from: &Place,
    ) -> Result<u32> {
        if let Some(&known) = self.sections.get(&index) {
            return Ok(known);
        }
        let Some(section) = elf.sections.get(index) else {
            return Err(Why::Absolute.at(from.clone()));
        };
        let flags = match section.role {
            Role::ReadOnly => map_flags::PRIVATE | map_flags::READ_ONLY,
            Role::Data => map_flags::PRIVATE,
            _ => {
                let section = section.name.to_owned();
                return Err(Why::NotLoaded { section }.at(from.clone()));
            }
        };
        if let Some(relocation) = section.relocations.first() {
            let place = Place::section(section.name).at(relocation.offset);
            let name = elf.symbol(relocation, &place)?.name;
            return Err(Why::Address(name.to_owned()).at(place));
        }
        let value_size = u32::try_from(section.size).ok().filter(|&size| size > 0);
        let value_size = value_size
            .ok_or_else(|| Why::DataLength(section.size).at(Place::section(section.name)))?;
        let used = section.data.iter().rposition(|&byte| byte != 0);
        let def = MapDef {
            name: section.name.to_owned(),
            kind: MapKind::Array,
            key_size: 4,
            value_size,
            max_entries: 1,
            flags,
            initial: section.data[..used.map_or(0, |last| last + 1)].to_vec(),
            types: btf.map_or_else(Vec::new, |btf| self.variables(elf, index, value_size, btf)),
        };
        let map = self.defs.len() as u32;
        self.defs.push(def);
        self.sections.insert(index, map);
        Ok(map)
    }

    /// The types of a section's variables.
    fn variables(&mut self, elf: &Elf<'_>, section: usize, size: u32, btf: &Btf<'_>) -> Vec<u8> {
        let Some(name) = elf.sections.get(section).map(|section| section.name) else {
            return Vec::new();
        };
        let own = elf.symbols.iter();
        let own = own.filter(|symbol| symbol.home == Home::Section(section));
        let offsets: HashMap<&str, u64> = own.map(|symbol| (symbol.name, symbol.value)).collect();
        let mut variables: Vec<(&str, Id, u32)> = Vec::new();
        for &(id, _, _) in btf.section(name).unwrap_or_default() {
            let Ok((name, of)) = btf.variable(id) else {
                continue;
            };
            let offset = offsets.get(name).copied();
            if let Some(offset) = offset.and_then(|offset| u32::try_from(offset).ok()) {
                variables.push((name, of, offset));
            }
        }
        if variables.is_empty() {
            return Vec::new();
        }
        variables.sort_by_key(|&(_, _, offset)| offset);
        let mut types = Builder::new(btf, &mut self.types_left);
        types.section(name, size, &variables);
        types.finish().to_bytes()
    }
}
