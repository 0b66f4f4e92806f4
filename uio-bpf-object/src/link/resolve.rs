//! What the instructions of a function refer to.

use std::sync::Arc;

use uio_bpf::bundle::WEAK;
use uio_bpf::isa::{Insn, call, class, jump, mode, size};

use super::Linker;
use crate::btf::ext;
use crate::elf::{Home, Relocation, Role, Symbol};
use crate::error::{Place, Result, Why};

/// The opcode of wide loads.
pub(super) const LDDW: u8 = class::LD | size::DW | mode::IMM;

/// The opcode of calls.
pub(super) const CALL: u8 = class::JMP | jump::CALL;

/// Relocations of wide loads: `R_BPF_64_64`.
const R_64_64: u32 = 1;

/// Relocations of calls: `R_BPF_64_32`.
const R_64_32: u32 = 10;

/// What an instruction refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Calls this function.
    Call(usize),
    /// Loads the address of this function.
    Function(usize),
    /// Loads this map.
    Map(u32),
    /// Loads the address of what is that far in the only value of this map.
    Data(u32, u32),
    /// Loads the address of this variable of the platform.
    Variable(u32),
}

/// An instruction that refers to something.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    /// Number of the instruction in its function.
    pub at: u32,
    /// To what.
    pub target: Target,
    /// What that is called.
    pub name: Arc<str>,
}

impl<'a> Linker<'_, 'a> {
    /// What the instructions of a function refer to, by their numbers.
    pub(super) fn resolve(&mut self, function: usize) -> Result<Vec<Reference>> {
        let elf = self.elf;
        let Some(own) = self.functions.list.get(function) else {
            return Ok(Vec::new());
        };
        let (start, end, index, name) = (own.start, own.end, own.section, own.name);
        let Some(section) = elf.sections.get(index) else {
            return Ok(Vec::new());
        };
        let code = own.code(elf);
        self.refuse_core(section.name, start, end)?;
        let mut left = section.relocations_in(start, end);
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(bytes) = code.get(at) {
            let insn = Insn::from_bytes(bytes);
            let offset = start + (at * Insn::LEN) as u64;
            let place = Place::section(section.name).at(offset).of(name);
            let relocation = match left.split_first() {
                Some((first, rest)) if first.offset == offset => {
                    left = rest;
                    Some(first)
                }
                _ => None,
            };
            let target = match (insn.opcode, relocation) {
                (LDDW, Some(relocation)) => Some(self.load(insn, relocation, place)?),
                (CALL, Some(relocation)) => Some(self.call(insn, relocation, place)?),
                (CALL, None) if insn.src() == call::LOCAL => {
                    let to = i128::from(offset) + (i128::from(insn.imm) + 1) * Insn::LEN as i128;
                    Some(self.call_to(index, to, place)?)
                }
                (_, Some(_)) => return Err(Why::RelocationPlace.at(place)),
                (_, None) => None,
            };
            if let Some((target, name)) = target {
                found.push(Reference {
                    at: at as u32,
                    target,
                    name: self.texts.name(name),
                });
            }
            at += if insn.opcode == LDDW { 2 } else { 1 };
        }
        match left.first() {
            Some(odd) => {
                Err(Why::RelocationPlace.at(Place::section(section.name).at(odd.offset).of(name)))
            }
            None => Ok(found),
        }
    }

    /// Refuses relocations that need the types of a running kernel.
    fn refuse_core(&self, section: &str, start: u64, end: u64) -> Result<()> {
        for record in ext::within(&self.ext.relocations, section, start, end) {
            if let Some(what) = record.what.wanted() {
                let of = record.what.of;
                let name = self.btf.map_or_else(String::new, |btf| btf.c_name(of));
                let place = Place::section(section).at(record.offset.into());
                return Err(Why::Core { what, name }.at(place));
            }
        }
        Ok(())
    }

    /// What a wide load loads.
    fn load(
        &mut self,
        insn: Insn,
        relocation: &Relocation,
        place: Place,
    ) -> Result<(Target, String)> {
        if relocation.kind != R_64_64 {
            return Err(Why::RelocationType(relocation.kind).at(place));
        }
        let elf = self.elf;
        let symbol = elf.symbol(relocation, &place)?;
        let addend = relocation.addend.unwrap_or_else(|| insn.imm.into());
        let place = place.of(symbol.name);
        let index = match symbol.home {
            Home::Section(index) => index,
            Home::Undefined => return self.variable(symbol, addend, place),
            Home::Common => return Err(Why::Common.at(place)),
            Home::Absolute => return Err(Why::Absolute.at(place)),
        };
        let offset = i128::from(symbol.value) + i128::from(addend);
        let Some(section) = elf.sections.get(index) else {
            return Err(Why::Absolute.at(place));
        };
        let section_name = || section.name.to_owned();
        match section.role {
            Role::Code => {
                let function = u64::try_from(offset)
                    .ok()
                    .and_then(|offset| self.functions.at(index, offset));
                let section = section_name();
                let function =
                    function.ok_or_else(|| Why::NoFunction { section, offset }.at(place))?;
                Ok((Target::Function(function), self.function_name(function)))
            }
            Role::Maps | Role::LegacyMaps => {
                let map = u64::try_from(offset)
                    .ok()
                    .and_then(|offset| self.maps.at(index, offset));
                let section = section_name();
                let map = map.ok_or_else(|| Why::NoMap { section, offset }.at(place))?;
                let name = self.maps.defs.get(map as usize);
                let name = name.map_or_else(String::new, |def| def.name.clone());
                Ok((Target::Map(map), name))
            }
            _ => {
                let map = self.maps.of_section(elf, index, self.btf, &place)?;
                let within = u32::try_from(offset).ok();
                let within = within.filter(|&offset| u64::from(offset) <= section.size);
                let within = within.ok_or_else(|| {
                    let (section, size) = (section_name(), section.size);
                    Why::Outside {
                        section,
                        offset,
                        size,
                    }
                    .at(place)
                })?;
                Ok((Target::Data(map, within), self.data_name(index, within)))
            }
        }
    }

    /// A variable or function of the platform.
    fn variable(
        &mut self,
        symbol: &Symbol<'a>,
        addend: i64,
        place: Place,
    ) -> Result<(Target, String)> {
        if symbol.name.is_empty() {
            return Err(Why::Absolute.at(place));
        }
        if self.kconfig.contains(symbol.name) {
            return Err(Why::Kconfig.at(place));
        }
        if addend != 0 {
            return Err(Why::UndefinedOffset(addend).at(place));
        }
        let next = self.variables.len() as u32;
        let index = *self.variable_numbers.entry(symbol.name).or_insert(next);
        if index == next {
            let weak = symbol.weak.then_some(WEAK);
            let name = weak.into_iter().chain(symbol.name.chars());
            self.variables.push(name.collect());
        }
        Ok((Target::Variable(index), symbol.name.to_owned()))
    }

    /// What a call with a relocation calls.
    fn call(&self, insn: Insn, relocation: &Relocation, place: Place) -> Result<(Target, String)> {
        if relocation.kind != R_64_32 {
            return Err(Why::RelocationType(relocation.kind).at(place));
        }
        let symbol = self.elf.symbol(relocation, &place)?;
        let place = place.of(symbol.name);
        let index = match symbol.home {
            Home::Section(index) => index,
            Home::Undefined => return Err(Why::UndefinedFunction.at(place)),
            Home::Common => return Err(Why::Common.at(place)),
            Home::Absolute => return Err(Why::Absolute.at(place)),
        };
        // A global function's calls say -1, those of a static one where it begins in its section, less one.
        let addend = match relocation.addend {
            Some(bytes) => i128::from(bytes),
            None => (i128::from(insn.imm) + 1) * Insn::LEN as i128,
        };
        self.call_to(index, i128::from(symbol.value) + addend, place)
    }

    fn call_to(&self, section: usize, offset: i128, place: Place) -> Result<(Target, String)> {
        let function = u64::try_from(offset)
            .ok()
            .and_then(|offset| self.functions.at(section, offset));
        match function {
            Some(function) => Ok((Target::Call(function), self.function_name(function))),
            None => {
                let section = self.elf.sections.get(section);
                let section = section.map_or_else(String::new, |section| section.name.to_owned());
                Err(Why::NoFunction { section, offset }.at(place))
            }
        }
    }

    fn function_name(&self, function: usize) -> String {
        let found = self.functions.list.get(function);
        found.map_or_else(String::new, |function| function.name.to_owned())
    }

    /// What lies at an offset of a section of variables: `total`, `table+4`, `.rodata.str1.1+2`.
    fn data_name(&self, section: usize, offset: u32) -> String {
        let key = (section, u64::from(offset));
        let near = self.data_symbols.range((section, 0)..=key).next_back();
        let (name, from) = match near {
            Some((&(_, value), &(name, size))) if key.1 < value.saturating_add(size) => {
                (name, value)
            }
            _ => match self.elf.sections.get(section) {
                Some(section) => (section.name, 0),
                None => return String::new(),
            },
        };
        match u64::from(offset) - from {
            0 => name.to_owned(),
            more => format!("{name}+{more}"),
        }
    }
}
