//! Makes a symbolic link (9P2000.L).

messages! {
    /// Makes a symbolic link (9P2000.L).
    request Tsymlink<'a> = 16 {
        /// The directory.
        dfid: Fid,
        /// The link's name.
        name: Str<'a>,
        /// What it points to.
        target: Str<'a>,
        /// Group.
        gid: u32,
    }
    /// The answer to [`Tsymlink`].
    reply Rsymlink = 17 {
        /// The link.
        qid: Qid,
    }
}
