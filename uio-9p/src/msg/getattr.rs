//! Reads attributes (9P2000.L).

messages! {
    /// Reads attributes (9P2000.L).
    request Tgetattr = 24 {
        /// The file.
        fid: Fid,
        /// Which; [`Tgetattr::BASIC`] for the usual ones.
        request_mask: u64,
    }
    /// The answer to [`Tgetattr`].
    reply Rgetattr = 25 {
        /// Which fields hold a value.
        valid: u64,
        /// The file.
        qid: Qid,
        /// Type and permission bits.
        mode: u32,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
        /// Names it has.
        nlink: u64,
        /// Device number of a device node.
        rdev: u64,
        /// Length in bytes.
        size: u64,
        /// Block size for efficient I/O, in bytes.
        blksize: u64,
        /// Blocks of 512 bytes it takes.
        blocks: u64,
        /// Last read.
        atime: Time,
        /// Last change of content.
        mtime: Time,
        /// Last change of attributes.
        ctime: Time,
        /// Reserved by the protocol.
        btime: Time,
        /// Reserved by the protocol.
        generation: u64,
        /// Reserved by the protocol.
        data_version: u64,
    }
}

impl Tgetattr {
    /// `P9_GETATTR_BASIC`: mode to ctime.
    pub const BASIC: u64 = 0x7ff;
}
