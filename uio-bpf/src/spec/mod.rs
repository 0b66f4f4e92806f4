//! The whole specification of a runtime: what programs may be, see and call.
//!
//! A guest tells it as one postcard record ([`Spec`]), so that a host can check programs against what
//! really runs there. The order of everything in it is fixed: by number, or as the application declares it. So the
//! same runtime always gives the same bytes.

mod kinds;

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::bundle::{self, MapKind};
use crate::helper::{Argument, Helper, Returned, Table};
use crate::isa;
use crate::kind::Kind;
use crate::map;
use crate::run;

/// The version of this form.
pub const VERSION: u16 = 1;

/// The version of the instruction set (`-mcpu=v4`): all of RFC 9669.
pub const CPU: u8 = 4;

/// The least and the most.
pub type Bounds = (u32, u32);

/// A runtime.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec<'a> {
    /// [`VERSION`].
    pub version: u16,
    /// The version of bundles that it loads.
    pub bundle: u16,
    /// The version of the instruction set.
    pub cpu: u8,
    /// The version of the runtime's crate.
    #[serde(borrow)]
    pub runtime: &'a str,
    /// How much there is of everything.
    pub limits: Limits,
    /// Types of programs.
    pub kinds: Vec<ProgramKind<'a>>,
    /// Types of maps.
    pub maps: Vec<MapRule<'a>>,
    /// The runtime's helpers, then the application's.
    pub helpers: Vec<HelperSpec<'a>>,
    /// The application's static probes.
    pub probes: Vec<Probe<'a>>,
}

/// How much there is of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Instructions of a program.
    pub insns: u32,
    /// Instructions that a run may take unless it is told otherwise.
    pub budget: u64,
    /// Bytes of stack of a function.
    pub stack: u32,
    /// Functions that may be active at once.
    pub frames: u32,
    /// Tail calls of a run.
    pub tail_calls: u32,
    /// Pieces of memory that a program may hold at once and has to give back.
    pub grants: u32,
    /// Bytes of memory that programs and maps may take together.
    pub memory: u64,
    /// Cores, for maps with values for each.
    pub cores: u32,
}

/// A type of programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramKind<'a> {
    /// Which.
    pub kind: Kind,
    /// How sections name it.
    #[serde(borrow)]
    pub name: &'a str,
    /// Bytes of its context; 0 where that differs from program to program.
    pub size: u32,
    /// What is in its context.
    pub context: Vec<Field<'a>>,
    /// Whether it may write its context.
    pub writable: bool,
    /// What becomes of what it returns.
    pub returns: &'a str,
}

/// A field of a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field<'a> {
    /// Its name.
    #[serde(borrow)]
    pub name: &'a str,
    /// Where it begins, in bytes.
    pub offset: u32,
    /// Bytes of one of its elements.
    pub size: u32,
    /// How many elements it has.
    pub count: u32,
    /// What an element is.
    pub kind: FieldKind,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldKind {
    /// An unsigned integer.
    Unsigned,
    /// A signed integer.
    Signed,
    /// Bytes; a text, if they are one, ends with the first zero.
    Bytes,
}

/// A type of maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapRule<'a> {
    /// Which.
    pub kind: MapKind,
    /// Its name, Linux's `BPF_MAP_TYPE_…` in small letters.
    #[serde(borrow)]
    pub name: &'a str,
    /// Fewest and most bytes of a key.
    pub key: Bounds,
    /// Fewest and most bytes of a value.
    pub value: Bounds,
    /// Values are multiples of this.
    pub value_unit: u32,
    /// The number of entries is a power of two.
    pub power_of_two: bool,
    /// Each core has values of its own.
    pub per_core: bool,
    /// Flags that it may have.
    pub flags: u32,
}

/// A helper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelperSpec<'a> {
    /// Its number.
    pub id: u32,
    /// Its name.
    #[serde(borrow)]
    pub name: &'a str,
    /// What it takes.
    pub arguments: Vec<Argument>,
    /// What it returns.
    pub returns: Returned,
    /// Types of programs that may call it, as a set of bits `1 << kind`.
    pub kinds: u32,
    /// What it does.
    pub doc: &'a str,
}

/// A static probe of the application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe<'a> {
    /// Its name.
    #[serde(borrow)]
    pub name: &'a str,
    /// Bytes of its structure, the context of programs.
    pub size: u32,
    /// Whether what a program returns decides what the application does.
    pub decides: bool,
    /// The fields of its structure.
    pub fields: Vec<Field<'a>>,
}

/// The specification of a runtime with these helpers and probes, whose programs and maps may take so many bytes
/// together, on so many cores.
#[must_use]
pub fn spec<'a>(table: &Table<'a>, probes: Vec<Probe<'a>>, memory: u64, cores: u32) -> Spec<'a> {
    Spec {
        version: VERSION,
        bundle: bundle::VERSION,
        cpu: CPU,
        runtime: env!("CARGO_PKG_VERSION"),
        limits: Limits {
            insns: isa::MAX_INSNS as u32,
            budget: run::BUDGET,
            stack: isa::FRAME_LEN as u32,
            frames: isa::MAX_FRAMES as u32,
            tail_calls: isa::MAX_TAIL_CALLS,
            grants: run::GRANTS as u32,
            memory,
            cores,
        },
        kinds: kinds::RULES.iter().map(kind).collect(),
        maps: map::RULES.to_vec(),
        helpers: table
            .own
            .iter()
            .chain(table.application)
            .map(helper)
            .collect(),
        probes,
    }
}

fn kind(rule: &kinds::Rule) -> ProgramKind<'static> {
    ProgramKind {
        kind: rule.kind,
        name: rule.name,
        size: rule.size as u32,
        context: rule.context.to_vec(),
        writable: rule.kind == Kind::Executable,
        returns: rule.returns,
    }
}

fn helper<'a>(helper: &Helper<'a>) -> HelperSpec<'a> {
    let arguments = helper.prototype.arguments.iter();
    HelperSpec {
        id: helper.id,
        name: helper.name,
        arguments: arguments
            .take_while(|argument| **argument != Argument::None)
            .copied()
            .collect(),
        returns: helper.prototype.returns,
        kinds: helper.kinds & ((1 << kinds::RULES.len()) - 1),
        doc: helper.doc,
    }
}
