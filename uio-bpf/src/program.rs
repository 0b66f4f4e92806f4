//! A program that was looked at and may run.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::isa::Insn;
use crate::kind::Kind;
use crate::map::Map;

/// A program whose structure is right: what `check` made.
///
/// Wide instructions hold values (their pseudo sources are resolved): a map is the address of its
/// [`Map`], a map's value and a variable an address, a function a
/// [token](crate::isa::FUNCTION_TOKEN).
pub struct Program {
    /// The name of its first function.
    pub name: Box<str>,
    /// Its type.
    pub kind: Kind,
    /// Its instructions; function 0 comes first.
    pub insns: Box<[Insn]>,
    /// Its functions, by where they begin.
    pub functions: Box<[Function]>,
    /// The maps that it names.
    pub maps: Vec<Arc<Map>>,
    /// As the interpreter has it.
    pub ops: crate::interpreter::Ops,
    /// As the processor has it, once it was compiled.
    pub native: Option<crate::jit::Code>,
    /// What it may ask the addresses of.
    pub symbols: Symbols,
    /// What holds its machine code, and is freed with it.
    pub memory: Option<Box<dyn Send + Sync>>,
}

/// Names of the platform's variables and functions that a bundle came with, and their addresses.
pub type Symbols = Arc<[(Box<str>, u64)]>;

impl Program {
    /// Bytes of memory that it takes, but for its maps and its machine code.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.name.len()
            + size_of_val(&*self.insns)
            + size_of_val(&*self.functions)
            + self.maps.capacity() * size_of::<Arc<Map>>()
            + self.ops.bytes()
    }

    /// The address of a variable or function that its bundle names.
    #[must_use]
    pub fn symbol(&self, name: &[u8]) -> Option<u64> {
        let found = self
            .symbols
            .iter()
            .find(|(known, _)| known.as_bytes() == name);
        found.map(|&(_, address)| address)
    }
}

/// A function of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its first instruction.
    pub start: u32,
    /// Behind its last instruction.
    pub end: u32,
    /// Bytes of stack below its frame pointer that its instructions name; [`crate::isa::FRAME_LEN`]
    /// when they do more with the frame pointer than name an access.
    pub stack: u16,
}
