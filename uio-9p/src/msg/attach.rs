//! A session's start: the share's root becomes `fid` (9P2000, `attach(5)`).

messages! {
    /// A session's start: the share's root becomes `fid` (9P2000, `attach(5)`).
    request Tattach<'a> = 104 {
        /// Becomes the root.
        fid: Fid,
        /// From an authentication, else [`Fid::NONE`].
        afid: Fid,
        /// The user's name.
        uname: Str<'a>,
        /// Which tree; empty for the only one.
        aname: Str<'a>,
        /// The user's number (9P2000.u and .L).
        n_uname: u32,
    }
    /// The answer to [`Tattach`].
    reply Rattach = 105 {
        /// The root.
        qid: Qid,
    }
}
