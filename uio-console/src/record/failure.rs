//! Typed reasons why a request failed.

use serde::{Deserialize, Serialize};

use super::ObjectError;
use crate::message::Policy;

/// In place of the index of an argument: the failure is not about one.
pub const NO_ARG: u8 = u8::MAX;

/// Why a request, or a part of it, failed. `arg` is the index of the argument that the failure is
/// about (0 is the command's name), or [`NO_ARG`]: the host knows the arguments and names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure<'a> {
    /// The guest has no such command.
    UnknownCommand,
    /// The command line is not what the command takes.
    Usage {
        /// The argument at fault.
        arg: u8,
        /// What is wrong with it.
        problem: UsageProblem,
    },
    /// More arguments than the guest takes.
    TooManyArguments {
        /// How many it takes.
        max: u16,
    },
    /// An argument longer than the guest takes.
    ArgumentTooLong {
        /// The argument.
        arg: u8,
        /// How many bytes it takes.
        max: u16,
    },
    /// As many requests are open as the guest takes.
    Busy {
        /// How many it takes.
        max: u16,
    },
    /// An operation failed with this Linux error number.
    Os {
        /// The argument it failed on.
        arg: u8,
        /// Linux error number, as the server or the kernel gave it.
        errno: i32,
    },
    /// The path lies under the mount point, and no share is attached.
    NoShare {
        /// The argument.
        arg: u8,
    },
    /// Memory at this address is not mapped (or is a device's).
    BadAddress {
        /// First address that cannot be read.
        address: u64,
    },
    /// The application registered no handler for this signal.
    NoHandler {
        /// Number of the signal.
        signal: i32,
    },
    /// The object file was refused.
    Object {
        /// The argument that names it.
        arg: u8,
        /// Why.
        #[serde(borrow)]
        error: ObjectError<'a>,
    },
    /// There is no symbol index on the share.
    NoSymbols,
    /// The symbol index on the share belongs to another build.
    SymbolsOfAnotherBuild {
        /// Build id in the index.
        index: &'a [u8],
        /// Build id of the running image.
        image: &'a [u8],
    },
    /// The symbol index on the share is damaged.
    SymbolsDamaged {
        /// The part that is.
        part: Part,
    },
    /// The image has no such symbol.
    UnknownSymbol {
        /// Its name.
        name: &'a [u8],
    },
    /// No symbol covers this address.
    NoSymbolAt {
        /// The address.
        address: u64,
    },
    /// The program is running and cannot be unloaded.
    ProgramRuns {
        /// The argument that names it.
        arg: u8,
    },
    /// The program was ended by a fault.
    Fault {
        /// Exception vector (Intel SDM volume 3, table 6-1) or the architecture's own number.
        vector: u8,
        /// Error code that came with it; 0 where the exception has none.
        code: u32,
        /// Address of the instruction.
        instruction: u64,
        /// Address of the access, where the fault has one.
        access: u64,
        /// Whether the fault was inside a function that the program had called through a gate.
        in_call: bool,
    },
    /// Out of memory for this many bytes.
    NoMemory {
        /// Bytes that were wanted.
        bytes: u64,
    },
    /// The request was ended by an interrupt before it was done.
    Interrupted,
    /// The program came to its time limit and was ended.
    TimedOut {
        /// The limit, in milliseconds.
        ms: u64,
    },
    /// A session's policy is lowered, never raised.
    NotRaised {
        /// The policy of the session.
        policy: Policy,
    },
    /// The program has an instruction that could undo its isolation.
    Forbidden {
        /// The argument that names the program.
        arg: u8,
        /// Name of the class of such instructions, by which they can be granted.
        class: &'a str,
        /// The section that has it; empty for what the linker added.
        section: &'a [u8],
        /// Offset of its first byte in the section.
        offset: u64,
        /// The function that has it, or the nearest label before it; empty without one.
        function: &'a [u8],
        /// Offset of the function in the section.
        start: u64,
        /// How many bytes before it the instruction begins that has it inside; 0 if it is inside
        /// none.
        within: u8,
        /// Bytes of it.
        len: u8,
        /// The code, relocated, from where the instruction begins that has it inside.
        bytes: &'a [u8],
    },
    /// The processor has no protection keys, and nobody asked to do without.
    NoIsolation,
    /// A request about eBPF failed.
    Bpf {
        /// The argument that it is about.
        arg: u8,
        /// Why: the postcard encoding of `uio_bpf::wire::Trouble`.
        data: &'a [u8],
    },
    /// The command is of a feature of the kernel that is off.
    NoFeature {
        /// The feature's name.
        feature: &'a str,
    },
}

/// What is wrong with a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UsageProblem {
    /// An argument is missing after this one.
    Missing,
    /// There are more arguments than the command takes.
    Extra,
    /// The command has no such option.
    UnknownOption,
    /// A number was expected.
    NotANumber,
    /// The number is out of the range that the command takes.
    OutOfRange,
    /// No signal has this name.
    UnknownSignal,
    /// A span of time was expected.
    NotATime,
    /// None of the words that the command takes here.
    UnknownWord,
}

/// A part of a symbol index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// Magic number or version.
    Header,
    /// A table reaches past the end of the file.
    Tables,
    /// The file ends before its header says.
    Length,
    /// An entry points outside of its table.
    Entry,
    /// A block's bytes do not give its checksum.
    Checksum,
}
