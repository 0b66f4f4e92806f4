//! Functions of the runtime and of the application that programs call.

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
    /// Its code.
    pub call: Call,
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

/// What an argument of a helper must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        let index = self.own.binary_search_by_key(&id, |helper| helper.id).ok()?;
        self.own.get(index)
    }
}
