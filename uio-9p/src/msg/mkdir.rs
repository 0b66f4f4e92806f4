//! Makes a directory (9P2000.L).

messages! {
    /// Makes a directory (9P2000.L).
    request Tmkdir<'a> = 72 {
        /// The directory it is made in.
        dfid: Fid,
        /// Its name.
        name: Str<'a>,
        /// Permission bits.
        mode: u32,
        /// Group.
        gid: u32,
    }
    /// The answer to [`Tmkdir`].
    reply Rmkdir = 73 {
        /// The new directory.
        qid: Qid,
    }
}
