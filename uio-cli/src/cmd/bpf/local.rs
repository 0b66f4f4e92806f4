//! Making the programs of an object ready to run in this process.

use std::collections::HashMap;
use std::sync::Arc;

use uio_bpf::bundle::{MapKind, ProgramDef, WEAK};
use uio_bpf::check::{Environment, check};
use uio_bpf::helper::Table;
use uio_bpf::isa::{Insn, class, mode, size, wide};
use uio_bpf::map::Map;
use uio_bpf::program::Program;
use uio_bpf_object::Object;

use super::words::{Spot, map_error, rejection};

/// Bytes that the maps of an object may take.
const MEMORY: u64 = 1 << 30;

/// Why an object cannot be run.
pub(super) struct Refusal {
    /// In words.
    pub words: String,
    /// The instruction that is to blame.
    pub spot: Option<Box<Spot>>,
}

impl From<String> for Refusal {
    fn from(words: String) -> Self {
        Self { words, spot: None }
    }
}

/// An object whose maps were made.
pub(super) struct Loaded<'o> {
    object: &'o Object,
    helpers: &'o Table<'o>,
    /// Its maps.
    pub maps: Vec<Arc<Map>>,
}

impl<'o> Loaded<'o> {
    /// Makes the maps.
    pub fn new(object: &'o Object, helpers: &'o Table<'o>) -> Result<Self, Refusal> {
        let mut left = MEMORY;
        let mut maps = Vec::new();
        for def in &object.bundle.maps {
            let map = Map::new(def, 1, left).map_err(|error| map_error(&def.name, error))?;
            left = left.saturating_sub(map.bytes());
            maps.push(Arc::new(map));
        }
        Ok(Self {
            object,
            helpers,
            maps,
        })
    }

    /// Checks a program.
    pub fn check(&self, def: &ProgramDef) -> Result<Program, Refusal> {
        let bundle = &self.object.bundle;
        let code: Vec<Insn> = def
            .code
            .as_chunks()
            .0
            .iter()
            .map(Insn::from_bytes)
            .collect();
        if let Some(name) = self.missing(&code) {
            let words = format!(
                "`{name}` is a variable or function of an image, and here is none; load the object into a VM \
                 (`uio bpf load`), or declare it `__weak`"
            );
            return Err(words.into());
        }
        let code: Vec<Insn> = def
            .code
            .as_chunks()
            .0
            .iter()
            .map(Insn::from_bytes)
            .collect();
        let environment = Environment {
            maps: &self.maps,
            variables: &vec![0; bundle.variables.len()],
            helpers: self.helpers,
        };
        check(&def.name, def.kind, &code, &environment).map_err(|reject| Refusal {
            words: rejection(&def.name, &reject),
            spot: Some(Box::new(self.spot(&def.name, reject.at))),
        })
    }

    /// The first variable of an image that the code cannot do without.
    fn missing(&self, code: &[Insn]) -> Option<&'o str> {
        let loads = code.iter().filter(|insn| {
            insn.opcode == class::LD | mode::IMM | size::DW && insn.src() == wide::VARIABLE
        });
        let mut names = loads.filter_map(|insn| {
            let number = usize::try_from(insn.imm).ok()?;
            self.object.bundle.variables.get(number)
        });
        let found = names.find(|name| !name.starts_with(WEAK));
        found.map(String::as_str)
    }

    /// Puts programs into the arrays that name them.
    pub fn fill_program_arrays(&self) -> Result<(), Refusal> {
        let mut checked = HashMap::new();
        for (def, map) in self.object.bundle.maps.iter().zip(&self.maps) {
            let Some(slots) = map.programs().filter(|_| def.kind == MapKind::ProgramArray) else {
                continue;
            };
            for (slot, number) in (0..).zip(def.initial.as_chunks().0) {
                let Some(number) = u32::from_le_bytes(*number).checked_sub(1) else {
                    continue;
                };
                let Some(program) = self.object.bundle.programs.get(number as usize) else {
                    continue;
                };
                let ready = match checked.get(&number) {
                    Some(ready) => Arc::clone(ready),
                    None => Arc::new(self.check(program)?),
                };
                checked.insert(number, Arc::clone(&ready));
                let set = slots.set(slot, Some(ready), 0);
                set.map_err(|_| format!("slot {slot} of `{}` cannot be filled", def.name))?;
            }
        }
        Ok(())
    }

    /// An instruction of a program.
    pub fn spot(&self, program: &str, at: u32) -> Spot {
        let programs = self.object.bundle.programs.iter();
        let mut programs = programs.zip(&self.object.debug.programs);
        match programs.find(|(def, _)| def.name == program) {
            Some((def, debug)) => Spot::find(&def.code, Some(debug), at),
            None => Spot {
                at,
                ..Spot::default()
            },
        }
    }
}
