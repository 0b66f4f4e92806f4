//! Typed answers of commands. The guest sends facts; the host turns them into tables or JSON.

use serde::{Deserialize, Serialize, Serializer};

use crate::message::Policy;

mod failure;
mod object;

pub use failure::{Failure, NO_ARG, Part, UsageProblem};
pub use object::{ObjectError, SectionRule};

/// One typed answer. A command that lists things sends one record a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record<'a> {
    /// `help`: a command that the guest knows.
    Command {
        /// Its name.
        name: &'a str,
    },
    /// `ls`: an entry of a directory.
    #[serde(borrow)]
    Entry(Entry<'a>),
    /// `stat`: what is known of a file.
    Stat(Stat),
    /// `hexdump` and `peek`: bytes and where the first of them is.
    Bytes {
        /// Offset in the file, or virtual address.
        at: u64,
        /// The bytes.
        data: &'a [u8],
    },
    /// `ps`: a task of the kernel.
    Task(Task<'a>),
    /// `free`: the guest's memory.
    Memory(Memory),
    /// `uptime`: since when the guest runs.
    Uptime {
        /// Microseconds since boot.
        since_boot_us: u64,
        /// Microseconds since the epoch, by the guest's clock.
        now_us: u64,
        /// Cores that are online.
        cores: u16,
    },
    /// `log`: a line of the kernel's log.
    Log(LogLine<'a>),
    /// `sym` and `addr`: a symbol of the image.
    Symbol(Symbol<'a>),
    /// `programs`: a program that is loaded.
    Program(Program<'a>),
    /// `run`: the program was loaded for this run. Without it, its copy in memory is run.
    Loaded {
        /// Bytes of memory that it holds.
        size: u64,
    },
    /// `version`.
    Version {
        /// Version of hermit-kernel.
        kernel: &'a str,
        /// Version of the overlay.
        overlay: &'a str,
        /// Machine architecture, as in the target triple.
        arch: &'a str,
        /// Build id of the image.
        build_id: &'a [u8],
        /// Features that are on, separated by spaces.
        features: &'a str,
        /// How loaded programs are isolated.
        isolation: &'a str,
        /// What programs may do at most.
        policy: Policy,
    },
    /// `jobs`, `ps`: a request that is open.
    Job(Job<'a>),
    /// `cp`: bytes copied so far, or in all.
    Copied {
        /// Bytes.
        bytes: u64,
    },
    /// `policy`: what programs may do.
    Policy {
        /// As it was fixed when the machine started.
        machine: Policy,
        /// In this session: the machine's, or less.
        session: Policy,
    },
    /// Registers of a program that a fault ended. Comes before its [`Failure::Fault`].
    Registers {
        /// The general registers, in the order of their numbers: on x86-64 rax, rcx, rdx, rbx, rsp,
        /// rbp, rsi, rdi, r8 to r15.
        general: [u64; 16],
        /// The status flags.
        flags: u64,
    },
    /// A place in the code that a program came through before a fault ended it, the innermost first:
    /// the instruction at fault, then return addresses. Comes before its [`Failure::Fault`].
    Frame(Frame<'a>),
    /// `bpf`: the postcard encoding of `uio_bpf::wire::Answer`.
    Bpf(#[serde(serialize_with = "as_bytes")] &'a [u8]),
}

/// Writes bytes in one piece; the encoding is that of a sequence of them.
fn as_bytes<S: Serializer>(bytes: &&[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

/// Kind of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Regular file.
    File,
    /// Directory.
    Directory,
    /// Symbolic link.
    Link,
    /// Anything else.
    Other,
}

/// An entry of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry<'a> {
    /// Its name, not necessarily UTF-8.
    pub name: &'a [u8],
    /// Kind of file. A symbolic link in a directory is not followed.
    pub kind: Kind,
    /// What the file says of itself, where that was asked for.
    pub stat: Option<Stat>,
}

/// What is known of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// Kind of file.
    pub kind: Kind,
    /// Permission bits (`0o7777`).
    pub mode: u32,
    /// Bytes.
    pub size: u64,
    /// Last modification, nanoseconds since the epoch.
    pub modified_ns: u64,
    /// Number of the file in its file system.
    pub inode: u64,
    /// Hard links.
    pub links: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// A task of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task<'a> {
    /// Identifier.
    pub id: i32,
    /// Name, as far as one is known.
    pub name: &'a str,
    /// What it does.
    pub state: TaskState,
    /// Scheduler priority, higher runs first.
    pub priority: u8,
    /// Core it runs on.
    pub core: u16,
    /// Bytes of its stack that it ever used.
    pub stack_used: u64,
    /// Bytes of its stack.
    pub stack_size: u64,
}

/// State of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskState {
    /// On a core.
    Running,
    /// Waiting for a core.
    Ready,
    /// Waiting for an event or for time.
    Blocked,
    /// The core's idle task.
    Idle,
    /// Ended, not yet collected.
    Finished,
}

/// The guest's memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Physical memory that the kernel manages.
    pub total: u64,
    /// Physical memory that is not allocated to anything (heap included).
    pub frames_free: u64,
    /// Size of the kernel's heap, which the application shares.
    pub heap_total: u64,
    /// Heap that is in use.
    pub heap_used: u64,
    /// What the overlay itself holds.
    pub overlay: u64,
    /// What loaded programs hold.
    pub programs: u64,
}

/// A line of the kernel's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine<'a> {
    /// Number of the line since boot; a gap tells of lines that the ring dropped.
    pub number: u64,
    /// Microseconds since boot.
    pub at_us: u64,
    /// 1 error, 2 warn, 3 info, 4 debug, 5 trace (as in the crate `log`).
    pub level: u8,
    /// Core that logged it.
    pub core: u16,
    /// The text, cut where the ring's limit for a line cut it.
    pub text: &'a [u8],
}

/// A symbol of the image, from the index on the share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Symbol<'a> {
    /// Its name in the image, mangled as the compiler left it.
    pub name: &'a [u8],
    /// Its address in the running guest.
    pub address: u64,
    /// Bytes; 0 when unknown.
    pub size: u64,
    /// For `addr`: how far the asked address lies behind `address`.
    pub offset: u64,
    /// Whether it is code.
    pub function: bool,
}

/// A program that is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program<'a> {
    /// Path it was loaded from.
    pub path: &'a [u8],
    /// Where its first page is.
    pub base: u64,
    /// Bytes of memory it holds.
    pub size: u64,
    /// How many times it was run.
    pub runs: u32,
    /// How many requests run it now.
    pub running: u16,
}

/// A request that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job<'a> {
    /// The guest's own number of it, as in `kill %1`.
    pub number: u32,
    /// The command line's first argument that names what runs.
    pub name: &'a [u8],
    /// The task it runs on; 0 while it is queued.
    pub task: i32,
    /// How far it is.
    pub state: JobState,
    /// Milliseconds since it began.
    pub age_ms: u64,
    /// Within what bounds its program runs, if it runs one.
    pub bounds: Option<Bounds>,
}

/// How far a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobState {
    /// It waits for a task.
    Queued,
    /// It runs.
    Running,
    /// It was interrupted, and is about to end.
    Ending,
}

/// Within what bounds a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// What it may do to the application.
    pub policy: Policy,
    /// Milliseconds after which it is ended.
    pub time_ms: Option<u64>,
    /// Percent of the core that it may use while the application has something to do.
    pub cpu_share: u8,
    /// Whether it runs only while the application has nothing to do.
    pub below: bool,
}

/// A place in the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame<'a> {
    /// Its address.
    pub address: u64,
    /// The function that it lies in, mangled as the compiler left it; empty when none is known.
    pub name: &'a [u8],
    /// How far behind the start of the function it lies, or behind the start of the program or the
    /// image when no function is known.
    pub offset: u64,
    /// Whose code it is.
    pub owner: Owner,
    /// It is of the program, below the call of a gate in which the fault was.
    pub caller: bool,
}

/// Whose code it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Owner {
    /// The program's.
    Program,
    /// The kernel's or the application's.
    Image,
    /// Nobody's.
    Nobody,
}
