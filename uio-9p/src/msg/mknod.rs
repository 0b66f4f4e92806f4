//! Makes a device node, pipe or socket (9P2000.L).

messages! {
    /// Makes a device node, pipe or socket (9P2000.L).
    request Tmknod<'a> = 18 {
        /// The directory.
        dfid: Fid,
        /// Its name.
        name: Str<'a>,
        /// Type and permission bits.
        mode: u32,
        /// Device number, upper part.
        major: u32,
        /// Device number, lower part.
        minor: u32,
        /// Group.
        gid: u32,
    }
    /// The answer to [`Tmknod`].
    reply Rmknod = 19 {
        /// The node.
        qid: Qid,
    }
}
