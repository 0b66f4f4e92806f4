//! What the host knows of programs besides their code: functions, source lines, names of what they refer to.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What is known of the programs of an object, in the order of
/// [`Bundle::programs`](uio_bpf::bundle::Bundle::programs).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debug {
    /// Each of them.
    pub programs: Vec<ProgramDebug>,
}

/// What is known of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramDebug {
    /// The section that it comes from.
    pub section: String,
    /// Its functions, in order; the first is the program's own.
    pub functions: Vec<FunctionDebug>,
    /// Where lines of source begin, in order.
    pub lines: Vec<Line>,
    /// What instructions refer to, in order.
    pub names: Vec<Name>,
}

/// What is known of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionDebug {
    /// Its name.
    pub name: Arc<str>,
    /// Its first instruction.
    pub start: u32,
    /// Behind its last instruction.
    pub end: u32,
    /// How C declares it, if that is known.
    pub prototype: Option<Arc<str>>,
}

/// The line of source that instructions from this one on come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The instruction.
    pub at: u32,
    /// The file's path.
    pub file: Arc<str>,
    /// The line's number, from 1.
    pub line: u32,
    /// The column, from 1; 0 if it is not known.
    pub column: u32,
    /// The text of the line.
    pub text: Arc<str>,
}

/// What an instruction refers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// The instruction.
    pub at: u32,
    /// A function, map or variable.
    pub name: Arc<str>,
}

impl ProgramDebug {
    /// The function that an instruction belongs to.
    #[must_use]
    pub fn function(&self, at: u32) -> Option<&FunctionDebug> {
        let behind = self
            .functions
            .partition_point(|function| function.start <= at);
        let function = self.functions.get(behind.checked_sub(1)?)?;
        (at < function.end).then_some(function)
    }

    /// The line of source that an instruction comes from.
    #[must_use]
    pub fn line(&self, at: u32) -> Option<&Line> {
        let behind = self.lines.partition_point(|line| line.at <= at);
        let line = self.lines.get(behind.checked_sub(1)?)?;
        let from = self.function(at).map_or(0, |function| function.start);
        (line.at >= from).then_some(line)
    }

    /// What an instruction refers to.
    #[must_use]
    pub fn name(&self, at: u32) -> Option<&str> {
        let found = self.names.binary_search_by_key(&at, |name| name.at).ok()?;
        self.names.get(found).map(|name| &*name.name)
    }
}
