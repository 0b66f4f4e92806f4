//! What the commands of a guest answer about eBPF: postcard records, which the host shows.

use serde::{Deserialize, Serialize, Serializer};

use crate::bundle::MapKind;
use crate::kind::Kind;
use crate::run::Stop;

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer<'a> {
    /// A program that is loaded.
    #[serde(borrow)]
    Program(Program<'a>),
    /// A map.
    Map(Map<'a>),
    /// Entries of the map before: of each its key, then its value; of a map with values for each core all of them, one
    /// after the other, each padded to 8 bytes. A program array has the number of a program there.
    Entries(#[serde(serialize_with = "as_bytes")] &'a [u8]),
    /// Something that a program is attached to.
    Link(Link<'a>),
    /// A function that a link's program is attached to.
    Function {
        /// Offset in the image.
        offset: u64,
    },
    /// A run on request.
    Ran {
        /// How it ended.
        end: Ended,
        /// Nanoseconds that it took.
        duration: u64,
        /// The buffer after it.
        #[serde(serialize_with = "as_bytes")]
        context: &'a [u8],
    },
    /// Records of a ring buffer, the length of each (`u32`, little-endian) before it.
    Records(#[serde(serialize_with = "as_bytes")] &'a [u8]),
    /// Records that found no room since the ring buffer exists.
    Lost(u64),
    /// What programs printed: lines.
    Lines(#[serde(serialize_with = "as_bytes")] &'a [u8]),
    /// A piece of the specification.
    Spec(#[serde(serialize_with = "as_bytes")] &'a [u8]),
    /// More bytes of the answer before, which had no room for all of them: of a map's types, entries, a run's buffer, or
    /// records.
    More(#[serde(serialize_with = "as_bytes")] &'a [u8]),
}

/// Writes bytes in one piece; the encoding is that of a sequence of them.
fn as_bytes<S: Serializer>(bytes: &&[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

/// A program that is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program<'a> {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: &'a str,
    /// Its type.
    pub kind: Kind,
    /// What its section says that it is to be attached to; empty when it does not say.
    pub target: &'a str,
    /// Its instructions.
    pub insns: u32,
    /// Bytes of machine code; 0 when it is interpreted.
    pub native: u32,
    /// How many links it has.
    pub links: u32,
}

/// A map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Map<'a> {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: &'a str,
    /// Its type.
    pub kind: MapKind,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// Most entries; bytes of a ring buffer.
    pub max_entries: u32,
    /// Bits of [`crate::bundle::map_flags`].
    pub flags: u32,
    /// Bytes of memory that it holds.
    pub memory: u64,
    /// How many values an entry has: one, or one for each core.
    pub values: u32,
    /// What keys and values are made of, as the host said when it was loaded; empty in a list of maps.
    #[serde(serialize_with = "as_bytes")]
    pub types: &'a [u8],
}

/// Something that a program is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link<'a> {
    /// Its number.
    pub id: u32,
    /// The program's number.
    pub program: u32,
    /// The program's name.
    pub name: &'a str,
    /// The program's type.
    pub kind: Kind,
    /// What it is attached to.
    pub to: Place<'a>,
    /// Runs.
    pub runs: u64,
    /// Runs that the runtime ended.
    pub stopped: u64,
    /// Why it ended the last of them, and at which instruction.
    pub last: Option<(Stop, u32)>,
}

/// What a program is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place<'a> {
    /// Functions: how many, and the offset of the first in the image.
    Functions {
        /// How many.
        count: u32,
        /// Offset of the first.
        first: u64,
    },
    /// A probe of the application, by name.
    Probe(&'a str),
    /// Intervals of so many microseconds.
    Timer(u64),
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ended {
    /// By itself: register 0.
    Returned(u64),
    /// By the runtime, at that instruction.
    Stopped(Stop, u32),
}

/// Why a request about eBPF failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trouble<'a> {
    /// The bundle was refused; what the host knows how to show.
    #[serde(borrow)]
    Load(Refusal<'a>),
    /// There is no program, map or link of that name or number.
    None {
        /// What was asked for.
        what: What,
    },
    /// It is in use: attached, or another program names it.
    InUse,
    /// A program of that type cannot be attached like that, or run on request.
    Kind(Kind),
    /// Nothing can be attached to the function there: it is none, or it has no site and is not one where a
    /// breakpoint does.
    NoSite {
        /// Offset in the image, or the address where it is outside.
        at: u64,
    },
    /// The end of a handler of interrupts cannot be traced.
    Handler {
        /// Offset in the image.
        at: u64,
    },
    /// The image has no probe of that name.
    NoProbe,
    /// There is no memory left, or more is asked for than programs may have.
    Memory,
    /// The session's policy does not allow that.
    Policy {
        /// The policy that would.
        needed: &'a str,
    },
    /// The map refused: an error number.
    Map(i32),
    /// A key or value is not as long as the map's.
    Length {
        /// Bytes that it should have.
        wanted: u32,
    },
    /// Compiled code is not to be had: not on this processor, or the program is too long.
    Native,
}

/// What there was none of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// A program.
    Program,
    /// A map.
    Map,
    /// A link.
    Link,
    /// An entry of a map.
    Entry,
}

/// Why a bundle was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal<'a> {
    /// The program or map at fault, by name; empty when it is the bundle itself.
    pub name: &'a str,
    /// The rule, encoded as [`crate::load::LoadError`].
    #[serde(serialize_with = "as_bytes")]
    pub rule: &'a [u8],
}
