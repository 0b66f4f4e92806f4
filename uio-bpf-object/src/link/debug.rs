//! What is known of a program's functions and source.

use std::collections::HashMap;
use std::sync::Arc;

use uio_bpf::isa::Insn;

use super::Linker;
use crate::btf::{Btf, Id, ext};
use crate::debug::{FunctionDebug, Line, ProgramDebug};

/// Bytes of a line of source that are kept.
const LINE: usize = 400;

/// Bytes of a path that are kept.
const PATH: usize = 1024;

/// Texts, each once.
#[derive(Default)]
pub(super) struct Texts<'a> {
    source: HashMap<&'a [u8], Arc<str>>,
    names: HashMap<String, Arc<str>>,
    prototypes: HashMap<Id, Option<Arc<str>>>,
}

impl<'a> Texts<'a> {
    fn source(&mut self, bytes: &'a [u8], most: usize) -> Arc<str> {
        let bytes = bytes.get(..most).unwrap_or(bytes);
        let new = || Arc::from(String::from_utf8_lossy(bytes));
        self.source.entry(bytes).or_insert_with(new).clone()
    }

    pub fn name(&mut self, name: String) -> Arc<str> {
        if let Some(known) = self.names.get(&name) {
            return Arc::clone(known);
        }
        let new: Arc<str> = Arc::from(name.as_str());
        self.names.insert(name, Arc::clone(&new));
        new
    }

    fn prototype(&mut self, btf: &Btf<'_>, id: Id) -> Option<Arc<str>> {
        let new = || btf.signature(id).ok().map(Arc::from);
        self.prototypes.entry(id).or_insert_with(new).clone()
    }
}

impl Linker<'_, '_> {
    /// A program of which nothing is known but its section.
    pub(super) fn debug_of(&self, root: usize) -> ProgramDebug {
        let root = self.functions.list.get(root);
        let section = root.and_then(|root| self.elf.sections.get(root.section));
        ProgramDebug {
            section: section.map_or_else(String::new, |section| section.name.to_owned()),
            ..ProgramDebug::default()
        }
    }

    /// Adds what is known of a function that begins at `base` in its program.
    pub(super) fn describe(&mut self, function: usize, base: u32, debug: &mut ProgramDebug) {
        let Some(found) = self.functions.list.get(function) else {
            return;
        };
        let section = self.elf.sections.get(found.section);
        let section = section.map_or("", |section| section.name);
        let types = ext::within(&self.ext.functions, section, found.start, found.end);
        let of = types
            .first()
            .filter(|record| u64::from(record.offset) == found.start);
        debug.functions.push(FunctionDebug {
            name: self.texts.name(found.name.to_owned()),
            start: base,
            end: base + found.len() as u32,
            prototype: of
                .zip(self.btf)
                .and_then(|(record, btf)| self.texts.prototype(btf, record.what)),
        });
        for record in ext::within(&self.ext.lines, section, found.start, found.end) {
            let distance = u64::from(record.offset) - found.start;
            let at = base + (distance / Insn::LEN as u64) as u32;
            // Line 0 is what compilers say of instructions that no line asked for.
            if record.what.line == 0 || debug.lines.last().is_some_and(|line| line.at == at) {
                continue;
            }
            debug.lines.push(Line {
                at,
                file: self.texts.source(record.what.file, PATH),
                line: record.what.line,
                column: record.what.column,
                text: self.texts.source(record.what.text, LINE),
            });
        }
    }
}
