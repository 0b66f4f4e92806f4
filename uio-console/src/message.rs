//! The messages of the protocol. `docs/protocol.md` gives their bytes.

use serde::{Deserialize, Serialize};

use crate::record::{Failure, Record};

/// Names a request among those a host has open; chosen by the host, free again after its `Exit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId(pub u32);

/// What programs may do to the application, through the gates `uio_call` and `uio_write`. A later
/// one allows what an earlier one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Policy {
    /// Nothing: they read.
    Observe = 0,
    /// To call the functions and write the variables that the application exported, and to have its
    /// signals raised.
    Control = 1,
    /// To call any function and write any variable.
    Full = 2,
}

impl Policy {
    /// All of them, the strictest first.
    pub const ALL: [Self; 3] = [Self::Observe, Self::Control, Self::Full];

    /// What it is called on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Control => "control",
            Self::Full => "full",
        }
    }

    /// The policy of that name.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|policy| policy.name().as_bytes() == name)
    }
}

/// On what terms a request runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// What its programs may do at most; the machine's own policy may allow less.
    pub policy: Policy,
    /// Its first frame is to be its [`Record::Job`], because somebody wants to know its number.
    pub announce: bool,
    /// What the file that it runs is like now, as far as the host knows.
    pub fresh: Option<Fresh>,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            policy: Policy::Full,
            announce: false,
            fresh: None,
        }
    }
}

/// What tells one state of a file from another: a hash of its size, the time of its last modification
/// and its number in its file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fresh(pub [u8; 8]);

impl Fresh {
    /// Of a file of `size` bytes, last modified `modified_ns` nanoseconds after the epoch, with this
    /// `inode`: FNV-1a of 64 bits (draft-eastlake-fnv, 2) over the three as 64 bits each, the least
    /// significant byte first, and so is the hash itself.
    #[must_use]
    pub fn of(size: u64, modified_ns: u64, inode: u64) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325u64;
        for number in [size, modified_ns, inode] {
            for byte in number.to_le_bytes() {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            }
        }
        Self(hash.to_le_bytes())
    }
}

/// What a host sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToGuest<'a> {
    /// Opens a session: every request of an earlier one is interrupted, and none of its frames
    /// follow the guest's answering [`FromGuest::Hello`].
    Hello {
        /// The host's [`crate::PROTOCOL_VERSION`].
        version: u16,
    },
    /// Runs a command.
    Exec {
        /// A name that no open request has.
        id: RequestId,
        /// Payload bytes of output that the guest may send before it needs a [`ToGuest::Credit`].
        credit: u32,
        /// On what terms.
        terms: Terms,
        /// The command and its arguments, see [`crate::argv`].
        argv: &'a [u8],
    },
    /// Standard input of a request, within the credit that the guest gave for it.
    Stdin {
        /// The request.
        id: RequestId,
        /// The bytes, at most [`crate::MAX_DATA`].
        data: &'a [u8],
    },
    /// Standard input of a request ends here.
    StdinEnd {
        /// The request.
        id: RequestId,
    },
    /// The guest may send output of this request for so much more; what a frame costs, [`crate::cost`]
    /// tells.
    Credit {
        /// The request.
        id: RequestId,
        /// Payload bytes.
        bytes: u32,
    },
    /// Ends a request early, as Ctrl-C does; its `Exit` still follows.
    Interrupt {
        /// The request.
        id: RequestId,
    },
}

/// What a guest sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromGuest<'a> {
    /// Answers [`ToGuest::Hello`].
    #[serde(borrow)]
    Hello(Hello<'a>),
    /// Bytes that the command or program wrote to its standard output. Costs credit.
    Stdout {
        /// The request.
        id: RequestId,
        /// The bytes, at most [`crate::MAX_DATA`].
        data: &'a [u8],
    },
    /// Bytes that the command or program wrote to its standard error. Costs credit.
    Stderr {
        /// The request.
        id: RequestId,
        /// The bytes, at most [`crate::MAX_DATA`].
        data: &'a [u8],
    },
    /// A typed answer, for the host to format. Costs credit.
    Record {
        /// The request.
        id: RequestId,
        /// The answer.
        #[serde(borrow)]
        record: Record<'a>,
    },
    /// A typed reason why (part of) the request failed. Costs credit.
    Failure {
        /// The request.
        id: RequestId,
        /// The reason.
        #[serde(borrow)]
        failure: Failure<'a>,
    },
    /// The host may send so many more bytes of standard input for this request.
    Credit {
        /// The request.
        id: RequestId,
        /// Data bytes of [`ToGuest::Stdin`].
        bytes: u32,
    },
    /// The request has ended; nothing more comes for it.
    Exit {
        /// The request.
        id: RequestId,
        /// As a shell gives it: 0 success, 1 failure, 2 wrong usage, 126 not runnable,
        /// 127 no such command, 128 + N ended by signal or exception N.
        status: i32,
    },
    /// The guest closed the session; it answers nothing but a [`ToGuest::Hello`] from here on.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

/// What a guest says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello<'a> {
    /// The guest's [`crate::PROTOCOL_VERSION`].
    pub version: u16,
    /// Version of hermit-kernel.
    pub kernel: &'a str,
    /// Version of the overlay.
    pub overlay: &'a str,
    /// Machine architecture, as in the target triple (`x86_64`).
    pub arch: &'a str,
    /// The build id of the image; empty when it was linked without one.
    pub build_id: &'a [u8],
    /// Cargo features of the kernel that are on, separated by spaces.
    pub features: &'a str,
    /// How loaded programs are isolated: `pku`, `pks` or `none`.
    pub isolation: &'a str,
    /// What programs may do at most, as it was fixed when the machine started.
    pub policy: Policy,
    /// The commands that the guest knows, separated by spaces.
    pub commands: &'a str,
    /// Where the share is mounted; empty when none is attached.
    pub share: &'a str,
    /// Requests that may be open at once.
    pub max_requests: u16,
}

/// Why a guest closed the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CloseReason {
    /// A frame longer than [`crate::MAX_FRAME`].
    Oversized,
    /// A frame that was cut off, or whose bytes are no message.
    Malformed,
    /// A hello with another protocol version; this is the guest's.
    Version(u16),
    /// A message before the hello.
    NoHello,
    /// An `Exec` whose identifier is in use.
    DuplicateId,
    /// More `Stdin` than the guest gave credit for.
    Overrun,
    /// So many requests ended while nothing could be sent that the guest cannot remember them.
    Flooded,
}
