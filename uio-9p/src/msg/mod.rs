//! The messages of 9P2000.L, one pair of request and reply a file.
//!
//! A message is `size[4] type[1] tag[2]` and its fields, little-endian, the size counting itself (9P2000, `intro(5)`;
//! the 9P2000.L messages as in diod's `protocol.md` and QEMU's `hw/9pfs/9p.c`, whose server serves exactly these).
//!
//! The contract: `encode` never panics, and writes nothing past the buffer; `decode` never panics on any bytes, accepts
//! a message only if its length equals the header's size and the sum of its fields, and borrows from it.

#![forbid(unsafe_code)]

use crate::error::Error;
use crate::types::Tag;

pub mod wire;

use wire::{Wire, Writer, clamp};

/// Length of a message's header in bytes.
pub const HEADER: usize = 7;
/// Most names in one `Twalk` (`MAXWELEM`, 9P2000, `walk(5)`).
pub const MAX_NAMES: usize = 16;
/// What a read or write takes of a message beside its data, in bytes (`P9_IOHDRSZ` in Linux and QEMU).
pub const IO_HEADER: u32 = 24;
/// Bit that turns a request's type into its reply's: replies are odd.
pub(crate) const REPLY: u8 = 1;

/// A message that can be sent.
pub trait Message {
    /// The type byte.
    fn kind(&self) -> u8;
    /// Writes the fields after the header.
    fn fields(&self, to: &mut Writer<'_>);

    /// Writes the whole message and returns its length in bytes.
    ///
    /// # Errors
    /// [`Error::BufferFull`] when `out` is too small, [`Error::BadValue`] when a name is longer than 65,535 bytes.
    fn encode(&self, tag: Tag, out: &mut [u8]) -> Result<usize, Error>
    where
        Self: Sized,
    {
        encode(self, tag, out)
    }
}

/// [`Message::encode`] for a message whose type is not known when compiling.
///
/// # Errors
/// As [`Message::encode`].
pub fn encode(message: &dyn Message, tag: Tag, out: &mut [u8]) -> Result<usize, Error> {
    let mut to = Writer::new(out);
    to.bytes(&[0; 4]);
    message.kind().put(&mut to);
    tag.put(&mut to);
    message.fields(&mut to);
    let size = to.finish()?;
    if let Some(room) = out.first_chunk_mut::<4>() {
        *room = clamp(size).to_le_bytes();
    }
    Ok(size)
}

/// The header of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Length of the message with this header, in bytes.
    pub size: u32,
    /// Which message it is.
    pub kind: u8,
    /// Which request it belongs to.
    pub tag: Tag,
}

impl Header {
    /// Reads the header of a whole message.
    ///
    /// # Errors
    /// [`Error::Short`] with less than seven bytes, [`Error::SizeMismatch`] when the size is not the message's length.
    pub fn of(message: &[u8]) -> Result<Self, Error> {
        let Some(&[s0, s1, s2, s3, kind, t0, t1]) = message.first_chunk::<HEADER>() else {
            return Err(Error::Short {
                need: HEADER as u32,
            });
        };
        let header = Self {
            size: u32::from_le_bytes([s0, s1, s2, s3]),
            kind,
            tag: Tag(u16::from_le_bytes([t0, t1])),
        };
        if header.size == clamp(message.len()) {
            Ok(header)
        } else {
            Err(Error::SizeMismatch {
                header: header.size,
            })
        }
    }
}

/// Whether `message` is whole and of type `expected`.
fn check(message: &[u8], expected: u8) -> Result<(), Error> {
    let got = Header::of(message)?.kind;
    if got == expected {
        Ok(())
    } else {
        Err(Error::UnexpectedType { expected, got })
    }
}

/// Defines a request and its reply: types, encoders, decoders.
///
/// What only a server does (decoding requests, encoding replies) is compiled for tests alone.
macro_rules! messages {
    ($($(#[$doc:meta])* $side:ident $name:ident $(<$life:lifetime>)? = $kind:literal {
        $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)?
    })*) => {
        #[allow(unused_imports)]
        use super::{Message, wire::{Data, Reader, Str, Wire, Writer}};
        #[allow(unused_imports)]
        use crate::{error::Error, types::{Fid, Qid, Tag, Time}};
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub struct $name $(<$life>)? {
                $($(#[$field_doc])* pub $field: $type,)*
            }

            impl $(<$life>)? $name $(<$life>)? {
                /// The type byte.
                pub const KIND: u8 = $kind;
            }

            messages!(@$side encode $name $(<$life>)? { $($field,)* });
            messages!(@$side decode $name $(<$life>)? { $($field,)* });
        )*
    };
    (@request encode $($rest:tt)*) => { messages!(@encode $($rest)*); };
    (@reply decode $($rest:tt)*) => { messages!(@decode $($rest)*); };
    (@reply encode $($rest:tt)*) => {
        #[cfg(any(test, feature = "test-utils"))]
        messages!(@encode $($rest)*);
    };
    (@request decode $($rest:tt)*) => {
        #[cfg(any(test, feature = "test-utils"))]
        messages!(@decode $($rest)*);
    };
    (@encode $name:ident $(<$life:lifetime>)? { $($field:ident,)* }) => {
        impl $(<$life>)? Message for $name $(<$life>)? {
            fn kind(&self) -> u8 {
                Self::KIND
            }
            #[allow(unused_variables)]
            fn fields(&self, to: &mut Writer<'_>) {
                $(self.$field.put(to);)*
            }
        }
    };
    (@decode $name:ident $(<$life:lifetime>)? { $($field:ident,)* }) => {
        impl $(<$life>)? $name $(<$life>)? {
            /// Reads the message.
            ///
            /// # Errors
            /// When type, size or a field is wrong: see [`Error`].
            pub fn decode(message: & $($life)? [u8]) -> Result<Self, Error> {
                super::check(message, Self::KIND)?;
                Self::decode_fields(message)
            }

            /// Reads a message whose header is known to be right, as after [`crate::client::Client::finish`].
            ///
            /// # Errors
            /// When a field is wrong: see [`Error`].
            pub fn decode_fields(message: & $($life)? [u8]) -> Result<Self, Error> {
                let mut from = Reader::new(message);
                from.bytes(super::HEADER);
                let message = Self { $($field: Wire::get(&mut from),)* };
                from.finish()?;
                Ok(message)
            }
        }
    };
}

pub mod attach;
pub mod auth;
pub mod clunk;
pub mod flush;
pub mod fsync;
pub mod getattr;
pub mod getlock;
pub mod lcreate;
pub mod link;
pub mod lock;
pub mod lopen;
pub mod mkdir;
pub mod mknod;
pub mod read;
pub mod readdir;
pub mod readlink;
pub mod remove;
pub mod rename;
pub mod renameat;
pub mod rlerror;
pub mod setattr;
pub mod statfs;
pub mod symlink;
pub mod unlinkat;
pub mod version;
pub mod walk;
pub mod write;
pub mod xattrcreate;
pub mod xattrwalk;

pub use attach::{Rattach, Tattach};
pub use auth::{Rauth, Tauth};
pub use clunk::{Rclunk, Tclunk};
pub use flush::{Rflush, Tflush};
pub use fsync::{Rfsync, Tfsync};
pub use getattr::{Rgetattr, Tgetattr};
pub use getlock::{Rgetlock, Tgetlock};
pub use lcreate::{Rlcreate, Tlcreate};
pub use link::{Rlink, Tlink};
pub use lock::{Rlock, Tlock};
pub use lopen::{Rlopen, Tlopen};
pub use mkdir::{Rmkdir, Tmkdir};
pub use mknod::{Rmknod, Tmknod};
pub use read::{Rread, Tread};
pub use readdir::{Rreaddir, Treaddir};
pub use readlink::{Rreadlink, Treadlink};
pub use remove::{Rremove, Tremove};
pub use rename::{Rrename, Trename};
pub use renameat::{Rrenameat, Trenameat};
pub use rlerror::Rlerror;
pub use setattr::{Rsetattr, Tsetattr};
pub use statfs::{Rstatfs, Tstatfs};
pub use symlink::{Rsymlink, Tsymlink};
pub use unlinkat::{Runlinkat, Tunlinkat};
pub use version::{Rversion, Tversion};
pub use walk::{Rwalk, Twalk};
pub use write::{Rwrite, Twrite};
pub use xattrcreate::{Rxattrcreate, Txattrcreate};
pub use xattrwalk::{Rxattrwalk, Txattrwalk};
