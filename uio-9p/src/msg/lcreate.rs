//! Creates a file in the directory of `fid`, opens it, and makes `fid` stand for it (9P2000.L).

messages! {
    /// Creates a file in the directory of `fid`, opens it, and makes `fid` stand for it (9P2000.L).
    request Tlcreate<'a> = 14 {
        /// The directory, then the file.
        fid: Fid,
        /// The file's name.
        name: Str<'a>,
        /// See [`crate::types::flags`].
        flags: u32,
        /// Permission bits.
        mode: u32,
        /// Group.
        gid: u32,
    }
    /// The answer to [`Tlcreate`].
    reply Rlcreate = 15 {
        /// The file.
        qid: Qid,
        /// Most bytes one read or write moves at once; 0 if the server does not say.
        iounit: u32,
    }
}
