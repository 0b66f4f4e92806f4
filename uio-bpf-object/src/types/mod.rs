//! What keys and values of maps are made of, short enough to go along with a map: the host shows values by it.
//!
//! It is made of BTF when an object is read, kept by the guest unread in
//! [`MapDef::types`](uio_bpf::bundle::MapDef::types), and comes back from there. So it may be anything, and is checked.

mod build;
mod encode;
mod show;

use serde::{Deserialize, Serialize};

pub(crate) use build::{Builder, MOST};
pub use encode::encode;
pub use show::{Shown, render, show, text};

/// Number of a type in [`Types::types`].
pub type TypeId = u32;

/// How deep types may lie in each other.
const DEPTH: u32 = 32;

/// Types of a map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Types {
    /// All of them; each refers to earlier ones only.
    pub types: Vec<Type>,
    /// The type of keys, if it is known.
    pub key: Option<TypeId>,
    /// The type of values, if it is known.
    pub value: Option<TypeId>,
}

/// A type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Type {
    /// An integer.
    Int {
        /// Its name.
        name: String,
        /// Bytes.
        size: u32,
        /// How it is written.
        encoding: Encoding,
    },
    /// A floating-point number.
    Float {
        /// Its name.
        name: String,
        /// Bytes.
        size: u32,
    },
    /// A pointer; where it points is not followed.
    Pointer {
        /// To what, as C writes it.
        to: String,
    },
    /// An array.
    Array {
        /// Of these.
        element: TypeId,
        /// So many.
        count: u32,
    },
    /// A structure or union, or the variables of a section.
    Composite {
        /// Its name; empty if it has none.
        name: String,
        /// It is a union.
        union: bool,
        /// Bytes.
        size: u32,
        /// Its members.
        members: Vec<Member>,
    },
    /// An enumeration.
    Enum {
        /// Its name; empty if it has none.
        name: String,
        /// Bytes.
        size: u32,
        /// Its values are signed.
        signed: bool,
        /// Names and values.
        values: Vec<(String, i64)>,
    },
    /// Another name of a type.
    Name {
        /// The name.
        name: String,
        /// The type.
        of: TypeId,
    },
}

/// How an integer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// A natural number.
    Unsigned,
    /// A number with a sign.
    Signed,
    /// True or false.
    Boolean,
    /// A character.
    Character,
}

/// A member of a structure or union.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its name; empty if it has none.
    pub name: String,
    /// Its type.
    pub of: TypeId,
    /// Bits from the beginning.
    pub offset: u32,
    /// Bits of a bit field; 0 for other members.
    pub bits: u8,
}

/// Types that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the map's types are damaged; load its object again")]
pub struct Damaged;

impl Types {
    /// Reads what [`Self::to_bytes`] wrote; nothing at all is no types.
    ///
    /// # Errors
    /// [`Damaged`]
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Damaged> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let types: Self = postcard::from_bytes(bytes).map_err(|_| Damaged)?;
        types.check()?;
        Ok(types)
    }

    /// As [`MapDef::types`](uio_bpf::bundle::MapDef::types) has it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        if self.key.is_none() && self.value.is_none() {
            return Vec::new();
        }
        // Nothing in here cannot be written; types are for output only in any case.
        postcard::to_allocvec(self).unwrap_or_default()
    }

    fn get(&self, id: TypeId) -> Option<&Type> {
        self.types.get(id as usize)
    }

    /// Whether each type refers to earlier ones only, and none lies too deep.
    fn check(&self) -> Result<(), Damaged> {
        let mut depths: Vec<u32> = Vec::with_capacity(self.types.len());
        for found in &self.types {
            let below = |of: TypeId| depths.get(of as usize).copied().ok_or(Damaged);
            let depth = match found {
                Type::Array { element: of, .. } | Type::Name { of, .. } => below(*of)? + 1,
                Type::Composite { members, .. } => {
                    let mut deepest = 0;
                    for member in members {
                        deepest = deepest.max(below(member.of)?);
                    }
                    deepest + 1
                }
                _ => 0,
            };
            if depth > DEPTH {
                return Err(Damaged);
            }
            depths.push(depth);
        }
        let known = |id: Option<TypeId>| id.is_none_or(|id| (id as usize) < depths.len());
        match known(self.key) && known(self.value) {
            true => Ok(()),
            false => Err(Damaged),
        }
    }

    /// Bytes of a value of a type.
    #[must_use]
    pub fn size(&self, id: TypeId) -> u64 {
        let mut times = 1u64;
        let mut at = id;
        loop {
            let size = match self.get(at) {
                Some(
                    Type::Int { size, .. }
                    | Type::Float { size, .. }
                    | Type::Composite { size, .. }
                    | Type::Enum { size, .. },
                ) => u64::from(*size),
                Some(Type::Pointer { .. }) => 8,
                Some(Type::Array { element, count }) if *element < at => {
                    times = times.saturating_mul(u64::from(*count));
                    at = *element;
                    continue;
                }
                Some(Type::Name { of, .. }) if *of < at => {
                    at = *of;
                    continue;
                }
                _ => 0,
            };
            return times.saturating_mul(size);
        }
    }

    /// A type behind its other names.
    fn plain(&self, id: TypeId) -> Option<&Type> {
        let mut at = id;
        loop {
            match self.get(at)? {
                Type::Name { of, .. } if *of < at => at = *of,
                Type::Name { .. } => return None,
                found => return Some(found),
            }
        }
    }

    /// A type as C writes it.
    #[must_use]
    pub fn c_name(&self, id: TypeId) -> String {
        let mut counts = String::new();
        let mut at = id;
        let name = loop {
            let or_nameless = |word: &str, name: &str| match name {
                "" => format!("{word} {{…}}"),
                // The variables of a section.
                name if name.starts_with('.') => name.to_owned(),
                name => format!("{word} {name}"),
            };
            break match self.get(at) {
                Some(
                    Type::Int { name, .. } | Type::Float { name, .. } | Type::Name { name, .. },
                ) => name.clone(),
                Some(Type::Pointer { to }) if to.ends_with('*') => format!("{to}*"),
                Some(Type::Pointer { to }) => format!("{to} *"),
                Some(Type::Array { element, count }) if *element < at => {
                    counts.push_str(&format!("[{count}]"));
                    at = *element;
                    continue;
                }
                Some(Type::Composite { name, union, .. }) => {
                    or_nameless(if *union { "union" } else { "struct" }, name)
                }
                Some(Type::Enum { name, .. }) => or_nameless("enum", name),
                _ => "?".to_owned(),
            };
        };
        match counts.is_empty() {
            true => name,
            false => format!("{name} {counts}"),
        }
    }
}
