//! The one error type of this crate and the Linux error numbers that 9P2000.L carries.

/// A Linux error number (positive), as `Rlerror` carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub i32);

impl Errno {
    /// Operation not permitted.
    pub const EPERM: Self = Self(1);
    /// No such file or directory.
    pub const ENOENT: Self = Self(2);
    /// Input or output error.
    pub const EIO: Self = Self(5);
    /// No such device or address.
    pub const ENXIO: Self = Self(6);
    /// Bad file descriptor.
    pub const EBADF: Self = Self(9);
    /// Out of memory.
    pub const ENOMEM: Self = Self(12);
    /// Permission denied.
    pub const EACCES: Self = Self(13);
    /// Device or resource busy.
    pub const EBUSY: Self = Self(16);
    /// File exists.
    pub const EEXIST: Self = Self(17);
    /// Not a directory.
    pub const ENOTDIR: Self = Self(20);
    /// Is a directory.
    pub const EISDIR: Self = Self(21);
    /// Invalid argument.
    pub const EINVAL: Self = Self(22);
    /// Too many open files in system.
    pub const ENFILE: Self = Self(23);
    /// No space left on device.
    pub const ENOSPC: Self = Self(28);
    /// Read-only file system.
    pub const EROFS: Self = Self(30);
    /// File name too long.
    pub const ENAMETOOLONG: Self = Self(36);
    /// Directory not empty.
    pub const ENOTEMPTY: Self = Self(39);
    /// Too many levels of symbolic links.
    pub const ELOOP: Self = Self(40);
    /// No data available (an extended attribute that is not there).
    pub const ENODATA: Self = Self(61);
    /// Protocol error.
    pub const EPROTO: Self = Self(71);
    /// Value too large for defined data type.
    pub const EOVERFLOW: Self = Self(75);
    /// Operation not supported.
    pub const EOPNOTSUPP: Self = Self(95);
    /// Connection timed out.
    pub const ETIMEDOUT: Self = Self(110);
}

/// Why a call failed.
///
/// [`Error::errno`] gives the number for an interface that knows nothing else. Eight bytes at most, so that results travel
/// in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The server refused the request, with this error number.
    Remote(Errno),
    /// A request breaks a rule before it is sent, with the number that Linux would give.
    Local(Errno),
    /// A message does not fit into its buffer (bytes).
    BufferFull {
        /// Bytes the message needs.
        need: u32,
    },
    /// A message ends before its last field (bytes).
    Short {
        /// Bytes the fields seen so far need at the least.
        need: u32,
    },
    /// A message has bytes after its last field.
    Trailing {
        /// How many.
        extra: u32,
    },
    /// The header's size differs from the number of bytes that came.
    SizeMismatch {
        /// What the header says.
        header: u32,
    },
    /// The reply is of another type than the request asks for.
    UnexpectedType {
        /// The type asked for.
        expected: u8,
        /// The type that came.
        got: u8,
    },
    /// The reply is for another request.
    UnexpectedTag {
        /// The tag of the request.
        expected: u16,
        /// The tag that came.
        got: u16,
    },
    /// A count in a reply is larger than what was asked for, or a field has a value that the protocol does not know.
    BadValue,
    /// The server does not speak 9P2000.L.
    BadVersion,
    /// The server's message size is below 8 KiB or above what was offered.
    BadMsize(u32),
    /// More calls are in flight, or given up and not yet answered, than there are tags.
    OutOfTags,
    /// More files are open than there are fids.
    OutOfFids,
    /// No slot is free, and the caller did not want to wait for one.
    Busy,
    /// The server did not answer in time.
    Timeout,
    /// The device broke the rules of its queue, and is used no more.
    Broken,
    /// The device is no 9P device, or lacks what this driver needs.
    BadDevice,
    /// There is no memory for the buffers.
    NoMemory,
}

impl Error {
    /// The Linux error number for this error.
    #[must_use]
    pub const fn errno(self) -> Errno {
        match self {
            Self::Remote(errno) | Self::Local(errno) => errno,
            Self::BufferFull { .. } => Errno::ENAMETOOLONG,
            Self::OutOfTags | Self::Busy => Errno::EBUSY,
            Self::OutOfFids => Errno::ENFILE,
            Self::Timeout => Errno::ETIMEDOUT,
            Self::Broken => Errno::EIO,
            Self::BadDevice => Errno::ENXIO,
            Self::NoMemory => Errno::ENOMEM,
            Self::Short { .. }
            | Self::Trailing { .. }
            | Self::SizeMismatch { .. }
            | Self::UnexpectedType { .. }
            | Self::UnexpectedTag { .. }
            | Self::BadValue
            | Self::BadVersion
            | Self::BadMsize(_) => Errno::EPROTO,
        }
    }
}

const _: () = assert!(size_of::<Error>() == 8);

/// `Err` with a number that this side gives.
pub(crate) const fn local<T>(errno: Errno) -> Result<T, Error> {
    Err(Error::Local(errno))
}
