//! The BPF type format: what the sections `.BTF` and `.BTF.ext` hold.
//!
//! Read here, and not with a crate: `aya-obj` 0.6 reads whole objects for Linux, refuses sections that it has no program
//! type for, and rewrites the types for a kernel; `btf` 0.5 reads the types of a running kernel and panics on damaged
//! ones. Neither knows source lines apart from loading.
//!
//! The format is that of `Documentation/bpf/btf.rst` of Linux; its sections are cited as "BTF, 2.2".

mod bytes;
mod error;
pub mod ext;
mod parse;
mod query;

use std::collections::HashMap;

pub use error::Error;
pub use parse::LONGEST;

/// All types of an object.
#[derive(Clone, Debug, Default)]
pub struct Btf<'a> {
    strings: &'a [u8],
    /// From type 1 on; 0 is void.
    types: Vec<Type<'a>>,
    /// Sections of variables by name.
    sections: HashMap<&'a str, Id>,
}

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type<'a> {
    /// Its name; empty if it has none.
    pub name: &'a str,
    /// What it is.
    pub kind: Kind<'a>,
}

/// Number of a type; 0 is void.
pub type Id = u32;

/// What a type is (BTF, 2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    /// An integer (2.2.1).
    Int {
        /// Bytes.
        size: u32,
        /// Bits from the lowest on that count; for bit fields of old compilers.
        bits: u8,
        /// Where those bits begin.
        offset: u8,
        /// It is signed.
        signed: bool,
        /// It is a truth value.
        boolean: bool,
        /// It is a character.
        character: bool,
    },
    /// A pointer (2.2.2).
    Pointer(Id),
    /// An array (2.2.3).
    Array {
        /// Of these.
        element: Id,
        /// So many.
        count: u32,
    },
    /// A structure or union (2.2.4, 2.2.5).
    Composite {
        /// Bytes.
        size: u32,
        /// It is a union.
        union: bool,
        /// Its members.
        members: Vec<Member<'a>>,
    },
    /// An enumeration (2.2.6, 2.2.19).
    Enum {
        /// Bytes.
        size: u32,
        /// Its values are signed.
        signed: bool,
        /// Its values, 64 bits each, as signed numbers.
        values: Vec<(&'a str, i64)>,
    },
    /// A structure, union or enumeration that is defined elsewhere (2.2.7).
    Forward {
        /// It is a union.
        union: bool,
    },
    /// Another name (2.2.8).
    Typedef(Id),
    /// `volatile` (2.2.9).
    Volatile(Id),
    /// `const` (2.2.10).
    Const(Id),
    /// `restrict` (2.2.11).
    Restrict(Id),
    /// A function (2.2.12): its prototype.
    Function(Id),
    /// A prototype (2.2.13).
    Prototype {
        /// What it returns.
        returns: Id,
        /// Names and types of its parameters.
        parameters: Vec<(&'a str, Id)>,
    },
    /// A variable (2.2.14).
    Variable {
        /// Its type.
        of: Id,
        /// It is defined in another file.
        external: bool,
    },
    /// The variables of a section (2.2.15).
    Section {
        /// Variable, offset and size of each; compilers leave offsets to the symbol table.
        variables: Vec<(Id, u32, u32)>,
    },
    /// A floating-point number (2.2.16): its bytes.
    Float(u32),
    /// An annotation of a declaration (2.2.17).
    DeclarationTag(Id),
    /// An annotation of a type (2.2.18).
    TypeTag(Id),
}

/// A member of a structure or union.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// Its name; empty if it has none.
    pub name: &'a str,
    /// Its type.
    pub of: Id,
    /// Bits from the beginning of the structure.
    pub offset: u32,
    /// Bits of a bit field; 0 for other members.
    pub bits: u8,
}
