//! Makes `newfid` stand for an extended attribute, or for the list of all when the name is empty (9P2000.L).

messages! {
    /// Makes `newfid` stand for an extended attribute, or for the list of all when the name is empty (9P2000.L).
    request Txattrwalk<'a> = 30 {
        /// The file.
        fid: Fid,
        /// Becomes the attribute, to be read and clunked.
        newfid: Fid,
        /// The attribute's name.
        name: Str<'a>,
    }
    /// The answer to [`Txattrwalk`].
    reply Rxattrwalk = 31 {
        /// Its length in bytes.
        size: u64,
    }
}
