//! Moves a file from one directory to another (9P2000.L).

messages! {
    /// Moves a file from one directory to another (9P2000.L).
    request Trenameat<'a> = 74 {
        /// The directory it is in.
        olddirfid: Fid,
        /// Its name there.
        oldname: Str<'a>,
        /// The directory it goes to.
        newdirfid: Fid,
        /// Its name there.
        newname: Str<'a>,
    }
    /// The answer to [`Trenameat`].
    reply Rrenameat = 75 {
    }
}
