//! Changes attributes (9P2000.L).

messages! {
    /// Changes attributes (9P2000.L).
    request Tsetattr = 26 {
        /// The file.
        fid: Fid,
        /// Which, bits of [`super::setattr`].
        valid: u32,
        /// Permission bits.
        mode: u32,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
        /// Length in bytes.
        size: u64,
        /// Last read.
        atime: Time,
        /// Last change of content.
        mtime: Time,
    }
    /// The answer to [`Tsetattr`].
    reply Rsetattr = 27 {
    }
}

/// `mode` counts (`P9_SETATTR_MODE`).
pub const SET_MODE: u32 = 1;
/// `uid` counts.
pub const SET_UID: u32 = 2;
/// `gid` counts.
pub const SET_GID: u32 = 4;
/// `size` counts.
pub const SET_SIZE: u32 = 8;
/// The time of last read is set: to `atime` with [`SET_ATIME_TO`], else to the server's clock.
pub const SET_ATIME: u32 = 0x10;
/// The time of last change is set: to `mtime` with [`SET_MTIME_TO`], else to the server's clock.
pub const SET_MTIME: u32 = 0x20;
/// `atime` counts.
pub const SET_ATIME_TO: u32 = 0x80;
/// `mtime` counts.
pub const SET_MTIME_TO: u32 = 0x100;
