//! Small types shared by messages, client and file system.

use crate::msg::wire::{Reader, Wire, Writer};

/// Names a request while it is in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag(pub u16);

impl Tag {
    /// `NOTAG`, the tag of `Tversion` (9P2000, `version(5)`).
    pub const NONE: Self = Self(0xffff);
}

/// Names a file on the server, chosen by the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fid(pub u32);

impl Fid {
    /// `NOFID`: no file, as in an attach without authentication.
    pub const NONE: Self = Self(0xffff_ffff);
    /// The fid that every mount attaches to the share's root.
    pub const ROOT: Self = Self(0);
}

macro_rules! wire_newtype {
    ($($name:ident),*) => {$(
        impl<'a> Wire<'a> for $name {
            fn put(&self, to: &mut Writer<'_>) {
                self.0.put(to);
            }
            fn get(from: &mut Reader<'a>) -> Self {
                Self(Wire::get(from))
            }
        }
    )*};
}
wire_newtype!(Tag, Fid);

/// The server's name for a file: equal exactly when it is the same file, with a version that changes with its content
/// where the server keeps one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Qid {
    /// Bits of [`Qid::DIR`] and [`Qid::SYMLINK`]; zero is a plain file.
    pub kind: u8,
    /// Changes when the file changes (QEMU derives it from modification time and size).
    pub version: u32,
    /// Unique to the file on its server.
    pub path: u64,
}

impl Qid {
    /// A directory (`QTDIR`).
    pub const DIR: u8 = 0x80;
    /// A symbolic link (`QTSYMLINK`).
    pub const SYMLINK: u8 = 0x02;
    /// Length on the wire in bytes.
    pub const LEN: usize = 13;

    /// Whether it is a directory.
    #[must_use]
    pub const fn is_dir(self) -> bool {
        self.kind & Self::DIR != 0
    }

    /// Whether it is a symbolic link.
    #[must_use]
    pub const fn is_symlink(self) -> bool {
        self.kind & Self::SYMLINK != 0
    }
}

impl<'a> Wire<'a> for Qid {
    fn put(&self, to: &mut Writer<'_>) {
        self.kind.put(to);
        self.version.put(to);
        self.path.put(to);
    }
    #[inline(never)]
    fn get(from: &mut Reader<'a>) -> Self {
        Self {
            kind: Wire::get(from),
            version: Wire::get(from),
            path: Wire::get(from),
        }
    }
}

/// A point in time since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    /// Whole seconds.
    pub sec: u64,
    /// Nanoseconds within the second.
    pub nsec: u64,
}

impl<'a> Wire<'a> for Time {
    fn put(&self, to: &mut Writer<'_>) {
        self.sec.put(to);
        self.nsec.put(to);
    }
    fn get(from: &mut Reader<'a>) -> Self {
        Self {
            sec: Wire::get(from),
            nsec: Wire::get(from),
        }
    }
}

/// Flags of `Tlopen` and `Tlcreate`: 9P2000.L takes Linux' generic values (octal, as in `fcntl.h`).
pub mod flags {
    /// Open for reading.
    pub const O_RDONLY: u32 = 0;
    /// Open for writing.
    pub const O_WRONLY: u32 = 0o1;
    /// Open for both.
    pub const O_RDWR: u32 = 0o2;
    /// The bits that hold one of the three above.
    pub const O_ACCMODE: u32 = 0o3;
    /// Create the file when it is not there.
    pub const O_CREAT: u32 = 0o100;
    /// With `O_CREAT`: the file must not be there.
    pub const O_EXCL: u32 = 0o200;
    /// Cut the file to length zero.
    pub const O_TRUNC: u32 = 0o1000;
    /// Every write goes to the end.
    pub const O_APPEND: u32 = 0o2000;
    /// Must be a directory.
    pub const O_DIRECTORY: u32 = 0o200000;
    /// Must not be a symbolic link.
    pub const O_NOFOLLOW: u32 = 0o400000;
}

/// File type bits of a mode (`stat.h`).
pub mod mode {
    /// The bits that hold the type.
    pub const S_IFMT: u32 = 0o170000;
    /// A symbolic link.
    pub const S_IFLNK: u32 = 0o120000;
    /// A plain file.
    pub const S_IFREG: u32 = 0o100000;
    /// A directory.
    pub const S_IFDIR: u32 = 0o040000;
}
