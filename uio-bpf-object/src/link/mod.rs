//! From sections of code to programs: each gets its own copy of the functions that it calls, behind its own, as the
//! loader of Linux (libbpf) has it.
//!
//! | module | part |
//! |---|---|
//! | `functions` | where functions lie |
//! | `resolve` | what their instructions refer to |
//! | `layout` | functions of a program one after the other, with their references set |
//! | `debug` | what is known of a program besides |

mod debug;
mod functions;
mod layout;
mod resolve;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use uio_bpf::bundle::ProgramDef;

use crate::btf::Btf;
use crate::btf::ext::Ext;
use crate::debug::ProgramDebug;
use crate::elf::{Elf, Home, Role};
use crate::error::{Place, Result, Why};
use crate::maps::Maps;
use crate::{Options, section};
use functions::{Functions, is_text};
use resolve::Reference;

/// Most instructions of all programs of an object: functions are copied into each program that calls them.
const MOST: usize = 1 << 20;

/// Most programs of an object.
const MOST_PROGRAMS: usize = 4096;

/// What is known while programs are made.
pub(crate) struct Linker<'e, 'a> {
    elf: &'e Elf<'a>,
    btf: Option<&'e Btf<'a>>,
    ext: &'e Ext<'a>,
    /// The maps; those of variables are added as programs refer to them.
    pub maps: Maps,
    /// Variables of the platform that programs refer to.
    pub variables: Vec<String>,
    variable_numbers: HashMap<&'a str, u32>,
    functions: Functions<'a>,
    /// References of the functions that were looked at.
    resolved: HashMap<usize, Rc<[Reference]>>,
    /// Names in `.kconfig`.
    kconfig: HashSet<&'a str>,
    /// Names and sizes of variables by section and offset.
    data_symbols: BTreeMap<(usize, u64), (&'a str, u64)>,
    /// Texts of source, each once.
    texts: debug::Texts<'a>,
    /// Instructions of all programs so far.
    total: usize,
    /// Numbers of programs by their functions.
    programs: HashMap<usize, usize>,
    /// What the user should know.
    pub notes: Vec<String>,
}

impl<'e, 'a> Linker<'e, 'a> {
    /// Looks at functions and maps.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(elf: &'e Elf<'a>, btf: Option<&'e Btf<'a>>, ext: &'e Ext<'a>) -> Result<Self> {
        let mut kconfig = HashSet::new();
        if let Some(btf) = btf {
            for &(id, _, _) in btf.section(".kconfig").unwrap_or_default() {
                kconfig.insert(btf.variable(id).map_err(Why::from)?.0);
            }
        }
        let variables = elf.symbols.iter().filter_map(|symbol| match symbol.home {
            Home::Section(section) if !symbol.whole_section && !symbol.name.is_empty() => {
                Some(((section, symbol.value), (symbol.name, symbol.size.max(1))))
            }
            _ => None,
        });
        Ok(Self {
            elf,
            btf,
            ext,
            maps: Maps::read(elf, btf)?,
            variables: Vec::new(),
            variable_numbers: HashMap::new(),
            functions: Functions::find(elf)?,
            resolved: HashMap::new(),
            kconfig,
            data_symbols: variables.collect(),
            texts: debug::Texts::default(),
            total: 0,
            programs: HashMap::new(),
            notes: Vec::new(),
        })
    }

    /// All programs of the object.
    ///
    /// # Errors
    /// What is wrong with one, or that there is none.
    pub fn programs(&mut self, options: &Options) -> Result<Vec<(ProgramDef, ProgramDebug)>> {
        let mut found = Vec::new();
        for (root, meaning) in self.roots(options)? {
            let (code, debug) = self.lay_out(root)?;
            let def = ProgramDef {
                name: self.functions.list[root].name.to_owned(),
                kind: meaning.kind,
                target: meaning.target,
                code,
            };
            self.programs.insert(root, found.len());
            found.push((def, debug));
        }
        self.fill_program_arrays()?;
        Ok(found)
    }

    /// The functions that are programs, with what their sections mean.
    fn roots(&mut self, options: &Options) -> Result<Vec<(usize, section::Meaning)>> {
        let mut roots = Vec::new();
        let mut hidden = None;
        let mut text = Vec::new();
        for (index, function) in self.functions.list.iter().enumerate() {
            let Some(section) = self.elf.sections.get(function.section) else {
                continue;
            };
            if is_text(section.name) {
                text.extend(function.global.then_some(index));
                continue;
            }
            let place = || Place::section(section.name);
            let meaning = section::meaning(section.name).map_err(|why| why.at(place()))?;
            if !function.global {
                hidden = hidden.or(Some(Why::Static.at(place().of(function.name))));
                continue;
            }
            if meaning.linux {
                let word = section::word(meaning.kind);
                self.notes.push(format!(
                    "`{}` in section `{}` is attached as `{word}/{}`; its context is that of {word}, not `struct pt_regs`",
                    function.name, section.name, meaning.target
                ));
            }
            roots.push((index, meaning));
        }
        if let (true, Some(kind)) = (roots.is_empty(), options.text) {
            let target = String::new();
            let linux = false;
            let meaning = section::Meaning {
                kind,
                target,
                linux,
            };
            roots.extend(text.into_iter().map(|index| (index, meaning.clone())));
        }
        if roots.len() > MOST_PROGRAMS {
            return Err(Why::Count(MOST_PROGRAMS, "programs").into());
        }
        match (roots.is_empty(), hidden) {
            (true, Some(hidden)) => Err(hidden),
            (true, None) => Err(Why::NoProgram.into()),
            (false, _) => Ok(roots),
        }
    }

    /// Sets the first values of program arrays.
    fn fill_program_arrays(&mut self) -> Result<()> {
        for values in self.maps.values.clone() {
            let Some(section) = self.elf.sections.get(values.section) else {
                continue;
            };
            for relocation in section.relocations_in(values.from, values.to) {
                let place = Place::section(section.name).at(relocation.offset);
                let symbol = self.elf.symbol(relocation, &place)?;
                let place = place.of(symbol.name);
                let function = match symbol.home {
                    Home::Section(home) => self.functions.at(home, symbol.value),
                    _ => None,
                };
                let program = function.and_then(|function| self.programs.get(&function));
                let slot = (relocation.offset - values.from) / 8;
                let def = self.maps.defs.get_mut(values.map);
                let (Some(&program), Some(def)) = (program, def) else {
                    return Err(Why::MapValues.at(place));
                };
                if slot >= u64::from(def.max_entries) || symbol.whole_section {
                    return Err(Why::MapValues.at(place));
                }
                let from = slot as usize * 4;
                if def.initial.len() < from + 4 {
                    def.initial.resize(from + 4, 0);
                }
                let number = (program as u32 + 1).to_le_bytes();
                def.initial[from..from + 4].copy_from_slice(&number);
            }
        }
        Ok(())
    }

    /// What the section `license` says.
    pub fn license(&self) -> String {
        let bytes = self.elf.of_role(Role::License).map(|(_, own)| own.data);
        let bytes = bytes.unwrap_or_default();
        let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(text).into_owned()
    }
}
