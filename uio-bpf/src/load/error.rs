//! Why a bundle is refused.

use serde::{Deserialize, Serialize};

use crate::check::Reject;
use crate::map::MapError;

/// Why a bundle is refused. Nothing of it is loaded then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoadError {
    /// It has another version than [`crate::bundle::VERSION`].
    Version(u16),
    /// It is no bundle, from this byte on.
    Malformed(u32),
    /// It has no programs.
    Empty,
    /// A map or a program has no name, or another one in the bundle has it.
    Name,
    /// There is a map of that name already, with another definition.
    Differs,
    /// A map cannot be made.
    Map(MapError),
    /// What a program array holds at first are not numbers of the bundle's programs.
    Slot,
    /// There is no such variable or function.
    Variable,
    /// A program's code is no whole number of instructions.
    Code,
    /// A program breaks a rule.
    Rejected(Reject),
    /// A program cannot be compiled.
    Native,
    /// It takes more memory than programs and maps may have.
    Limit,
    /// There is no memory.
    Memory,
}

/// A bundle that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused<'a> {
    /// The map, program or variable at fault; empty when it is the bundle itself.
    pub name: &'a str,
    /// Why.
    pub error: LoadError,
}
