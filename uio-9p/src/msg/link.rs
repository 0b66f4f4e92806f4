//! Gives the file of `fid` another name (9P2000.L).

messages! {
    /// Gives the file of `fid` another name (9P2000.L).
    request Tlink<'a> = 70 {
        /// The directory of the new name.
        dfid: Fid,
        /// The file.
        fid: Fid,
        /// The new name.
        name: Str<'a>,
    }
    /// The answer to [`Tlink`].
    reply Rlink = 71 {
    }
}
