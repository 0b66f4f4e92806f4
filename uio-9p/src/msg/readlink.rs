//! Reads a symbolic link (9P2000.L).

messages! {
    /// Reads a symbolic link (9P2000.L).
    request Treadlink = 22 {
        /// The link.
        fid: Fid,
    }
    /// The answer to [`Treadlink`].
    reply Rreadlink<'a> = 23 {
        /// What it points to.
        target: Str<'a>,
    }
}
