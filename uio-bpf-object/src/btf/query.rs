//! What one wants to know of types.

use super::{Btf, Error, Id, Kind, Type};

/// Characters of a name, and parameters of a function, that are shown.
const LONGEST: usize = 200;
const PARAMETERS: usize = 12;

fn short(name: &str) -> &str {
    name.char_indices()
        .nth(LONGEST)
        .map_or(name, |(end, _)| &name[..end])
}

/// How deep types may lie in each other.
const DEPTH: usize = 32;

impl<'a> Btf<'a> {
    /// A type; `None` for void.
    ///
    /// # Errors
    /// [`Error::Type`]
    pub fn get(&self, id: Id) -> Result<Option<&Type<'a>>, Error> {
        match id {
            0 => Ok(None),
            _ => self
                .types
                .get(id as usize - 1)
                .map(Some)
                .ok_or(Error::Type(id)),
        }
    }

    /// All types with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (Id, &Type<'a>)> {
        (1..).zip(&self.types)
    }

    /// The type behind other names, `const` and the like; with its number. `None` for void.
    ///
    /// # Errors
    /// [`Error::Type`], [`Error::Deep`]
    pub fn plain(&self, id: Id) -> Result<Option<(Id, &Type<'a>)>, Error> {
        let mut at = id;
        for _ in 0..DEPTH {
            let Some(found) = self.get(at)? else {
                return Ok(None);
            };
            at = match found.kind {
                Kind::Typedef(of)
                | Kind::Const(of)
                | Kind::Volatile(of)
                | Kind::Restrict(of)
                | Kind::TypeTag(of) => of,
                _ => return Ok(Some((at, found))),
            };
        }
        Err(Error::Deep(id))
    }

    /// Bytes that a value of a type has.
    ///
    /// # Errors
    /// [`Error`]
    pub fn size(&self, id: Id) -> Result<u64, Error> {
        let mut times = 1u64;
        let mut at = id;
        for _ in 0..DEPTH {
            let (plain, found) = self.plain(at)?.ok_or(Error::Sizeless(at))?;
            let size = match found.kind {
                Kind::Int { size, .. }
                | Kind::Composite { size, .. }
                | Kind::Enum { size, .. }
                | Kind::Float(size) => u64::from(size),
                Kind::Pointer(_) => 8,
                Kind::Array { element, count } => {
                    times = times.saturating_mul(u64::from(count));
                    at = element;
                    continue;
                }
                Kind::Variable { of, .. } => {
                    at = of;
                    continue;
                }
                _ => return Err(Error::Sizeless(plain)),
            };
            return Ok(times.saturating_mul(size));
        }
        Err(Error::Deep(id))
    }

    /// The variables of a section: the entry of that name.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&[(Id, u32, u32)]> {
        match self.get(*self.sections.get(name)?) {
            Ok(Some(Type {
                kind: Kind::Section { variables },
                ..
            })) => Some(variables),
            _ => None,
        }
    }

    /// A variable's name and the number of its type.
    ///
    /// # Errors
    /// [`Error::Type`] when it is none.
    pub fn variable(&self, id: Id) -> Result<(&'a str, Id), Error> {
        match self.get(id)? {
            Some(Type {
                name,
                kind: Kind::Variable { of, .. },
            }) => Ok((name, *of)),
            _ => Err(Error::Type(id)),
        }
    }

    /// A type as C writes it, short: `struct key *`, `unsigned int [3]`.
    #[must_use]
    pub fn c_name(&self, id: Id) -> String {
        let mut out = String::new();
        self.write_name(id, DEPTH, &mut out);
        out
    }

    fn write_name(&self, id: Id, depth: usize, out: &mut String) {
        let (Some(depth), Ok(found)) = (depth.checked_sub(1), self.get(id)) else {
            out.push('?');
            return;
        };
        let Some(found) = found else {
            out.push_str("void");
            return;
        };
        let or_nameless = |word: &str, out: &mut String| {
            out.push_str(word);
            out.push_str(match found.name {
                "" => "{…}",
                name => short(name),
            });
        };
        match &found.kind {
            Kind::Pointer(of) => match self.get(*of) {
                Ok(Some(Type {
                    kind: Kind::Prototype { returns, .. },
                    ..
                })) => {
                    self.write_name(*returns, depth, out);
                    out.push_str(" (*)(…)");
                }
                _ => {
                    self.write_name(*of, depth, out);
                    out.push_str(if out.ends_with('*') { "*" } else { " *" });
                }
            },
            Kind::Array { element, count } => {
                self.write_name(*element, depth, out);
                let separator = if out.ends_with(']') { "" } else { " " };
                out.push_str(&format!("{separator}[{count}]"));
            }
            Kind::Composite { union: false, .. } | Kind::Forward { union: false } => {
                or_nameless("struct ", out);
            }
            Kind::Composite { union: true, .. } | Kind::Forward { union: true } => {
                or_nameless("union ", out);
            }
            Kind::Enum { .. } => or_nameless("enum ", out),
            Kind::Const(of) => {
                out.push_str("const ");
                self.write_name(*of, depth, out);
            }
            Kind::Volatile(of) => {
                out.push_str("volatile ");
                self.write_name(*of, depth, out);
            }
            Kind::Restrict(of) | Kind::TypeTag(of) | Kind::DeclarationTag(of) => {
                self.write_name(*of, depth, out);
            }
            Kind::Prototype { returns, .. } => {
                self.write_name(*returns, depth, out);
                out.push_str(" (…)");
            }
            Kind::Function(_)
            | Kind::Variable { .. }
            | Kind::Section { .. }
            | Kind::Int { .. }
            | Kind::Float(_)
            | Kind::Typedef(_) => out.push_str(short(found.name)),
        }
    }

    /// A function with its prototype as C writes it: `int count(struct event *event)`.
    ///
    /// # Errors
    /// [`Error::Type`] when it is none.
    pub fn signature(&self, id: Id) -> Result<String, Error> {
        let function = self.get(id)?.ok_or(Error::Type(id))?;
        let Kind::Function(prototype) = function.kind else {
            return Err(Error::Type(id));
        };
        let Some(Type {
            kind:
                Kind::Prototype {
                    returns,
                    parameters,
                },
            ..
        }) = self.get(prototype)?
        else {
            return Err(Error::Type(prototype));
        };
        let declared = |of: Id, name: &str| {
            let mut text = self.c_name(of);
            if !name.is_empty() {
                if !text.ends_with('*') {
                    text.push(' ');
                }
                text.push_str(short(name));
            }
            text
        };
        let mut list: Vec<String> = parameters
            .iter()
            .take(PARAMETERS)
            .map(|&(name, of)| declared(of, name))
            .collect();
        if parameters.len() > PARAMETERS {
            list.push("…".to_owned());
        }
        if list.is_empty() {
            list.push("void".to_owned());
        }
        let head = declared(*returns, function.name);
        Ok(format!("{head}({})", list.join(", ")))
    }
}
