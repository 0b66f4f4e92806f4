//! Moves the file of `fid` (9P2000.L; [`super::Trenameat`] is newer).

messages! {
    /// Moves the file of `fid` (9P2000.L; [`super::Trenameat`] is newer).
    request Trename<'a> = 20 {
        /// The file.
        fid: Fid,
        /// The directory to move it to.
        dfid: Fid,
        /// Its new name.
        name: Str<'a>,
    }
    /// The answer to [`Trename`].
    reply Rrename = 21 {
    }
}
