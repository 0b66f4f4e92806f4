//! Authentication, which QEMU answers with an error (9P2000, `attach(5)`).

messages! {
    /// Authentication, which QEMU answers with an error (9P2000, `attach(5)`).
    request Tauth<'a> = 102 {
        /// Becomes the authentication file.
        afid: Fid,
        /// The user's name.
        uname: Str<'a>,
        /// Which tree.
        aname: Str<'a>,
        /// The user's number.
        n_uname: u32,
    }
    /// The answer to [`Tauth`].
    reply Rauth = 103 {
        /// The authentication file.
        aqid: Qid,
    }
}
