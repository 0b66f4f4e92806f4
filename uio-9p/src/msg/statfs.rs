//! Asks for the file system's figures (9P2000.L).

messages! {
    /// Asks for the file system's figures (9P2000.L).
    request Tstatfs = 8 {
        /// Any file there.
        fid: Fid,
    }
    /// The answer to [`Tstatfs`].
    reply Rstatfs = 9 {
        /// Type of the file system, as of `statfs(2)`.
        kind: u32,
        /// Block size in bytes.
        bsize: u32,
        /// Blocks in all.
        blocks: u64,
        /// Free blocks.
        bfree: u64,
        /// Free blocks for anyone.
        bavail: u64,
        /// Files in all.
        files: u64,
        /// Free files.
        ffree: u64,
        /// The file system's number.
        fsid: u64,
        /// Longest name in bytes.
        namelen: u32,
    }
}
