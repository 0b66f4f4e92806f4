//! What is known of a program's functions and source.

use std::collections::HashMap;
use std::sync::Arc;

use uio_bpf::isa::Insn;

use super::Linker;
use crate::btf::ext;
use crate::debug::{FunctionDebug, Line, ProgramDebug};

/// Texts of source, each once.
#[derive(Default)]
pub(super) struct Texts<'a>(HashMap<&'a [u8], Arc<str>>);

impl<'a> Texts<'a> {
    fn get(&mut self, bytes: &'a [u8]) -> Arc<str> {
        let new = || Arc::from(String::from_utf8_lossy(bytes));
        self.0.entry(bytes).or_insert_with(new).clone()
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
            name: found.name.to_owned(),
            start: base,
            end: base + found.len() as u32,
            prototype: of
                .zip(self.btf)
                .and_then(|(record, btf)| btf.signature(record.what).ok()),
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
                file: self.texts.get(record.what.file),
                line: record.what.line,
                column: record.what.column,
                text: self.texts.get(record.what.text),
            });
        }
    }
}
