//! Opens the file of `fid` (9P2000.L).

messages! {
    /// Opens the file of `fid` (9P2000.L).
    request Tlopen = 12 {
        /// The file.
        fid: Fid,
        /// See [`crate::types::flags`].
        flags: u32,
    }
    /// The answer to [`Tlopen`].
    reply Rlopen = 13 {
        /// The file.
        qid: Qid,
        /// Most bytes one read or write moves at once; 0 if the server does not say.
        iounit: u32,
    }
}
