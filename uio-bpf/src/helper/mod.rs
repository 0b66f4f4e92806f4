//! Functions of the runtime and of the application that programs call.
//!
//! Each helper of the runtime is declared once, beside its code: its number and its meaning are Linux's,
//! its prototype is what the interpreter checks, and all of it is told to the host
//! ([`crate::spec`]). Errors are Linux's numbers, negative.

mod control;
mod format;
mod map;
mod memory;
mod print;
mod probe;
mod ring;
mod stack;
mod system;
mod text;

use serde::{Deserialize, Serialize};

use crate::kind::Kind;
use crate::run::Run;

/// A helper's function. The arguments are registers 1 to 5; what it returns is register 0.
///
/// The caller has checked the arguments against the prototype, or trusts the program.
pub type Call = unsafe extern "sysv64" fn(u64, u64, u64, u64, u64, *mut Run<'_>) -> u64;

/// A helper.
#[derive(Clone, Copy)]
pub struct Helper<'a> {
    /// Its number in `CALL`; Linux's where Linux has it, from [`APPLICATION`] on the application's.
    pub id: u32,
    /// Its name.
    pub name: &'a str,
    /// What it takes and returns.
    pub prototype: Prototype,
    /// What it does: one sentence.
    pub doc: &'a str,
    /// The types of programs that may call it, as a set of bits `1 << kind`.
    pub kinds: u32,
    /// Its code.
    pub call: Call,
}

impl Helper<'_> {
    /// Whether programs of that type may call it.
    #[inline]
    #[must_use]
    pub fn is_for(&self, kind: Kind) -> bool {
        self.kinds >> kind as u32 & 1 != 0
    }
}

/// Sets of types of programs, for [`Helper::kinds`].
pub mod kinds {
    use crate::kind::Kind;

    /// All of them.
    pub const ALL: u32 = u32::MAX;
    /// Those that see the arguments of a function.
    pub const FUNCTION: u32 =
        1 << Kind::Fentry as u32 | 1 << Kind::Fexit as u32 | 1 << Kind::Syscall as u32;
    /// Those that see what a function returned.
    pub const EXIT: u32 = 1 << Kind::Fexit as u32;
    /// Those that run in the middle of something else.
    pub const ATTACHED: u32 = FUNCTION | 1 << Kind::Probe as u32 | 1 << Kind::Timer as u32;
}

/// The number of the application's first helper.
pub const APPLICATION: u32 = 0x1_0000;

/// What a helper takes and returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prototype {
    /// Registers 1 to 5.
    pub arguments: [Argument; 5],
    /// Register 0.
    pub returns: Returned,
}

impl Prototype {
    /// What takes these arguments.
    #[must_use]
    pub const fn new(takes: &[Argument], returns: Returned) -> Self {
        let mut arguments = [Argument::None; 5];
        let mut at = 0;
        while at < takes.len() && at < arguments.len() {
            arguments[at] = takes[at];
            at += 1;
        }
        Self { arguments, returns }
    }
}

/// What an argument of a helper must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Argument {
    /// There is none.
    None,
    /// Any number.
    Anything,
    /// A map of one of these types, as a set of bits `1 << kind`.
    Map(u32),
    /// Memory to read, as long as a key of the map in the argument before it.
    Key,
    /// Memory to read, as long as a value of the map two arguments before it.
    Value,
    /// The context.
    Context,
    /// Memory to read, as many bytes as the next argument says.
    Read,
    /// Memory to write, as many bytes as the next argument says.
    Write,
    /// As `Read`, or zero.
    ReadOrNull,
    /// The length of the argument before it; may be zero if the flag says so.
    Size {
        /// Whether zero is right.
        zero: bool,
    },
    /// Memory to read of this many bytes.
    Fixed(u32),
    /// Memory to write of this many bytes.
    FixedWrite(u32),
    /// Memory to read that holds a text ended by a zero.
    Text,
    /// A function of the program.
    Function,
    /// Memory to read or null, handed on as it is (a callback's context).
    Opaque,
    /// What `ringbuf_reserve` returned, which is given back.
    Record,
    /// A constant: the length of the memory that is returned.
    Constant,
}

/// What a helper returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Returned {
    /// Nothing of use.
    Nothing,
    /// A number; errors are negative.
    Number,
    /// A value of the map in the first argument, or zero.
    ValueOrNull,
    /// Memory to write, as long as the argument of that number says (from 1), or zero. The program gives it back.
    RecordOrNull(u8),
    /// Memory of this many bytes to read, or zero.
    MemoryOrNull(u32),
}

/// The helpers that a program may call.
#[derive(Clone, Copy)]
pub struct Table<'a> {
    /// Those of the runtime, by rising number.
    pub own: &'a [Helper<'a>],
    /// Those of the application, by number from [`APPLICATION`] on.
    pub application: &'a [Helper<'a>],
}

impl<'a> Table<'a> {
    /// The helper of that number.
    #[must_use]
    pub fn get(&self, id: u32) -> Option<&'a Helper<'a>> {
        if let Some(index) = id.checked_sub(APPLICATION) {
            return self.application.get(index as usize);
        }
        let index = self
            .own
            .binary_search_by_key(&id, |helper| helper.id)
            .ok()?;
        self.own.get(index)
    }
}

/// The helpers of the runtime, by rising number.
pub static OWN: &[Helper<'static>] = &[
    map::LOOKUP_ELEM,
    map::UPDATE_ELEM,
    map::DELETE_ELEM,
    probe::READ,
    system::KTIME_GET_NS,
    print::TRACE_PRINTK,
    system::GET_PRANDOM_U32,
    system::GET_SMP_PROCESSOR_ID,
    control::TAIL_CALL,
    system::GET_CURRENT_PID_TGID,
    system::GET_CURRENT_COMM,
    stack::GET_STACKID,
    probe::READ_STR,
    stack::GET_STACK,
    probe::READ_KERNEL,
    probe::READ_KERNEL_STR,
    system::KTIME_GET_BOOT_NS,
    ring::OUTPUT,
    ring::RESERVE,
    ring::SUBMIT,
    ring::DISCARD,
    ring::QUERY,
    map::FOR_EACH_ELEM,
    print::SNPRINTF,
    stack::GET_FUNC_IP,
    system::KALLSYMS_LOOKUP_NAME,
    control::LOOP,
    text::STRNCMP,
    stack::GET_FUNC_ARG,
    stack::GET_FUNC_RET,
    stack::GET_FUNC_ARG_CNT,
    map::LOOKUP_PERCPU_ELEM,
];
