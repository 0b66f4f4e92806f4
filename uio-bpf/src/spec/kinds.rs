//! The contexts of the types of programs, field by field.

use core::mem::offset_of;

use super::{Field, FieldKind};
use crate::kind::{FunctionEntry, FunctionExit, Kind, Tick};

/// A type of programs.
pub struct Rule {
    /// Which.
    pub kind: Kind,
    /// How sections name it.
    pub name: &'static str,
    /// Bytes of its context.
    pub size: usize,
    /// What is in its context.
    pub context: &'static [Field<'static>],
    /// What becomes of what it returns.
    pub returns: &'static str,
}

const fn word(name: &'static str, offset: usize) -> Field<'static> {
    words(name, offset, 1)
}

const fn words(name: &'static str, offset: usize, count: usize) -> Field<'static> {
    Field {
        name,
        offset: offset as u32,
        size: 8,
        count: count as u32,
        kind: FieldKind::Unsigned,
    }
}

const ENTRY: &[Field<'static>] = &[
    word("function", offset_of!(FunctionEntry, function)),
    words(
        "arguments",
        offset_of!(FunctionEntry, arguments),
        FunctionEntry::ARGUMENTS,
    ),
    word("stack", offset_of!(FunctionEntry, stack)),
];

const EXIT: &[Field<'static>] = &[
    word("function", offset_of!(FunctionExit, entry.function)),
    words(
        "arguments",
        offset_of!(FunctionExit, entry.arguments),
        FunctionEntry::ARGUMENTS,
    ),
    word("stack", offset_of!(FunctionExit, entry.stack)),
    word("returned", offset_of!(FunctionExit, returned)),
    word("duration", offset_of!(FunctionExit, duration)),
];

const TICK: &[Field<'static>] = &[
    word("now", offset_of!(Tick, now)),
    word("runs", offset_of!(Tick, runs)),
    word("missed", offset_of!(Tick, missed)),
    word("instruction", offset_of!(Tick, instruction)),
];

const IGNORED: &str = "ignored";

/// All types, by number.
pub static RULES: [Rule; 6] = [
    Rule {
        kind: Kind::Executable,
        name: "executable",
        size: 0,
        context: &[],
        returns: "the result of the run",
    },
    Rule {
        kind: Kind::Fentry,
        name: "fentry",
        size: size_of::<FunctionEntry>(),
        context: ENTRY,
        returns: IGNORED,
    },
    Rule {
        kind: Kind::Fexit,
        name: "fexit",
        size: size_of::<FunctionExit>(),
        context: EXIT,
        returns: IGNORED,
    },
    Rule {
        kind: Kind::Probe,
        name: "probe",
        size: 0,
        context: &[],
        returns: "the application's decision, if the probe asks for one",
    },
    Rule {
        kind: Kind::Timer,
        name: "timer",
        size: size_of::<Tick>(),
        context: TICK,
        returns: IGNORED,
    },
    Rule {
        kind: Kind::Syscall,
        name: "syscall",
        size: size_of::<FunctionEntry>(),
        context: ENTRY,
        returns: IGNORED,
    },
];
