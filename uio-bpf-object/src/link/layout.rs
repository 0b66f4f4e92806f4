//! Functions of a program one after the other.

use std::collections::HashMap;
use std::rc::Rc;

use uio_bpf::isa::{Insn, MAX_INSNS, call, wide};

use super::resolve::{Reference, Target};
use super::{Linker, MOST};
use crate::debug::{Name, ProgramDebug};
use crate::error::{Place, Result, Why};

/// Where functions lie in a program.
#[derive(Default)]
struct Layout {
    /// Functions with their first instructions, in order.
    order: Vec<(usize, u32)>,
    places: HashMap<usize, u32>,
    len: usize,
}

impl Linker<'_, '_> {
    /// A program: its code, and what else is known of it.
    pub(super) fn lay_out(&mut self, root: usize) -> Result<(Vec<u8>, ProgramDebug)> {
        let mut layout = Layout::default();
        self.place(root, root, &mut layout)?;
        let mut next = 0;
        while let Some(&(function, _)) = layout.order.get(next) {
            for reference in self.references(function)?.iter() {
                if let Target::Call(to) | Target::Function(to) = reference.target {
                    self.place(to, root, &mut layout)?;
                }
            }
            next += 1;
        }
        let mut code = Vec::with_capacity(layout.len * Insn::LEN);
        let mut debug = self.debug_of(root);
        for &(function, base) in &layout.order {
            self.copy(function, base, &layout, &mut code, &mut debug)?;
            self.describe(function, base, &mut debug);
        }
        Ok((code, debug))
    }

    /// Gives a function its place, unless it has one.
    fn place(&mut self, function: usize, root: usize, layout: &mut Layout) -> Result<()> {
        if layout.places.contains_key(&function) {
            return Ok(());
        }
        let Some(found) = self.functions.list.get(function) else {
            return Ok(());
        };
        let insns = layout.len.saturating_add(found.len());
        self.total = self.total.saturating_add(found.len());
        if insns > MAX_INSNS || self.total > MOST {
            let name = self.functions.list.get(root).map_or("", |root| root.name);
            let why = match insns > MAX_INSNS {
                true => Why::TooLong { insns },
                false => Why::TooMuch(MOST),
            };
            return Err(why.at(Place::symbol(name)));
        }
        let base = layout.len as u32;
        layout.order.push((function, base));
        layout.places.insert(function, base);
        layout.len = insns;
        Ok(())
    }

    /// What a function refers to; looked up once.
    fn references(&mut self, function: usize) -> Result<Rc<[Reference]>> {
        if let Some(known) = self.resolved.get(&function) {
            return Ok(known.clone());
        }
        let found: Rc<[Reference]> = self.resolve(function)?.into();
        self.resolved.insert(function, found.clone());
        Ok(found)
    }

    /// Copies a function's instructions, with its references set.
    fn copy(
        &mut self,
        function: usize,
        base: u32,
        layout: &Layout,
        out: &mut Vec<u8>,
        debug: &mut ProgramDebug,
    ) -> Result<()> {
        let references = self.references(function)?;
        let mut references = references.iter().peekable();
        let Some(found) = self.functions.list.get(function) else {
            return Ok(());
        };
        let mut second = None;
        for (at, bytes) in (0u32..).zip(found.code(self.elf)) {
            let mut insn = Insn::from_bytes(bytes);
            if let Some(imm) = second.take() {
                insn.imm = imm;
            }
            if let Some(reference) = references.next_if(|reference| reference.at == at) {
                second = set(&mut insn, &reference.target, base + at, layout);
                debug.names.push(Name {
                    at: base + at,
                    name: reference.name.clone(),
                });
            }
            out.extend(insn.to_bytes());
        }
        Ok(())
    }
}

/// Sets what an instruction refers to; the immediate of its second half, if it has one.
fn set(insn: &mut Insn, target: &Target, at: u32, layout: &Layout) -> Option<i32> {
    let distance = |function: &usize| {
        let to = layout.places.get(function).copied().unwrap_or(at);
        // Relative to the slot behind this one, for wide loads too.
        to.wrapping_sub(at).wrapping_sub(1).cast_signed()
    };
    let (source, imm, second) = match target {
        Target::Call(function) => (call::LOCAL, distance(function), None),
        Target::Function(function) => (wide::FUNCTION, distance(function), Some(0)),
        Target::Map(map) => (wide::MAP_INDEX, map.cast_signed(), Some(0)),
        Target::Data(map, offset) => {
            let offset = offset.cast_signed();
            (wide::MAP_INDEX_VALUE, map.cast_signed(), Some(offset))
        }
        Target::Variable(variable) => (wide::VARIABLE, variable.cast_signed(), Some(0)),
    };
    insn.regs = insn.dst() | source << 4;
    insn.imm = imm;
    second
}
