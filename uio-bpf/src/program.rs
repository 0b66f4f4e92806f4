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
