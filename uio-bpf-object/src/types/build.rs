//! Types of maps out of BTF.

use std::collections::HashMap;

use super::{DEPTH, Encoding, Member, Type, TypeId, Types};
use crate::btf::{Btf, Id, Kind};

/// Most types, members and values that the types of one object have together. What is more is left out: it is for
/// output only.
pub(crate) const MOST: usize = 16 * 1024;

/// The longest name.
const LONGEST: usize = 200;

/// Collects the types of a map.
pub(crate) struct Builder<'b, 'a> {
    btf: &'b Btf<'a>,
    types: Types,
    known: HashMap<Id, TypeId>,
    /// How many more there may be.
    left: &'b mut usize,
}

fn cut(name: &str) -> String {
    name.chars().take(LONGEST).collect()
}

impl<'b, 'a> Builder<'b, 'a> {
    /// Nothing yet; `left` is counted down.
    pub fn new(btf: &'b Btf<'a>, left: &'b mut usize) -> Self {
        Self {
            btf,
            types: Types::default(),
            known: HashMap::new(),
            left,
        }
    }

    /// Keys are of this type.
    pub fn key(&mut self, id: Id) {
        self.types.key = self.add(id, DEPTH);
    }

    /// Values are of this type.
    pub fn value(&mut self, id: Id) {
        self.types.value = self.add(id, DEPTH);
    }

    /// Values are a section with these variables: name, type and offset in bytes of each.
    pub fn section(&mut self, name: &str, size: u32, variables: &[(&str, Id, u32)]) {
        let mut members = Vec::new();
        for &(name, of, offset) in variables {
            if let (Some(of), Some(offset)) = (self.add(of, DEPTH - 1), offset.checked_mul(8)) {
                members.push(Member {
                    name: cut(name),
                    of,
                    offset,
                    bits: 0,
                });
            }
        }
        self.types.value = self.push(
            Type::Composite {
                name: cut(name),
                union: false,
                size,
                members,
            },
            variables.len(),
        );
    }

    /// The types; none if a type was left out.
    pub fn finish(self) -> Types {
        self.types
    }

    fn push(&mut self, new: Type, parts: usize) -> Option<TypeId> {
        *self.left = self.left.checked_sub(parts + 1)?;
        self.types.types.push(new);
        TypeId::try_from(self.types.types.len() - 1).ok()
    }

    /// Adds a type and those that it is made of.
    fn add(&mut self, id: Id, depth: u32) -> Option<TypeId> {
        if let Some(&known) = self.known.get(&id) {
            return Some(known);
        }
        let depth = depth.checked_sub(1)?;
        let btf = self.btf;
        let found = btf.get(id).ok()??;
        let name = cut(found.name);
        let (new, parts) = match &found.kind {
            Kind::Int {
                size,
                signed,
                boolean,
                character,
                ..
            } => {
                let encoding = match () {
                    () if *boolean => Encoding::Boolean,
                    // Compilers do not mark it.
                    () if *character || (name == "char" && *size == 1) => Encoding::Character,
                    () if *signed => Encoding::Signed,
                    () => Encoding::Unsigned,
                };
                let size = *size;
                (
                    Type::Int {
                        name,
                        size,
                        encoding,
                    },
                    0,
                )
            }
            Kind::Float(size) => (Type::Float { name, size: *size }, 0),
            Kind::Pointer(to) => {
                let to = cut(&btf.c_name(*to));
                (Type::Pointer { to }, 0)
            }
            Kind::Array { element, count } => {
                let element = self.add(*element, depth)?;
                let count = *count;
                (Type::Array { element, count }, 0)
            }
            Kind::Composite {
                size,
                union,
                members,
            } => {
                let mut kept = Vec::new();
                for member in members {
                    kept.push(Member {
                        name: cut(member.name),
                        of: self.add(member.of, depth)?,
                        offset: member.offset,
                        bits: self.bits(member.of, member.bits),
                    });
                }
                let new = Type::Composite {
                    name,
                    union: *union,
                    size: *size,
                    members: kept,
                };
                (new, members.len())
            }
            Kind::Enum {
                size,
                signed,
                values,
            } => {
                let kept = values.iter().map(|&(name, value)| (cut(name), value));
                let new = Type::Enum {
                    name,
                    size: *size,
                    signed: *signed,
                    values: kept.collect(),
                };
                (new, values.len())
            }
            Kind::Typedef(of) => {
                let of = self.add(*of, depth)?;
                (Type::Name { name, of }, 0)
            }
            Kind::Const(of) | Kind::Volatile(of) | Kind::Restrict(of) | Kind::TypeTag(of) => {
                return self.add(*of, depth);
            }
            Kind::Forward { .. }
            | Kind::Function(_)
            | Kind::Prototype { .. }
            | Kind::Variable { .. }
            | Kind::Section { .. }
            | Kind::DeclarationTag(_) => return None,
        };
        let new = self.push(new, parts)?;
        self.known.insert(id, new);
        Some(new)
    }

    /// Bits of a bit field: old compilers say them in the member's type.
    fn bits(&self, of: Id, bits: u8) -> u8 {
        if bits != 0 {
            return bits;
        }
        match self.btf.plain(of) {
            Ok(Some((_, found))) => match found.kind {
                Kind::Int { size, bits, .. } if u32::from(bits) != size.saturating_mul(8) => bits,
                _ => 0,
            },
            _ => 0,
        }
    }
}
