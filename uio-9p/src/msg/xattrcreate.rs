//! Makes `fid` stand for a new value of an extended attribute, to be written and clunked (9P2000.L).

messages! {
    /// Makes `fid` stand for a new value of an extended attribute, to be written and clunked (9P2000.L).
    request Txattrcreate<'a> = 32 {
        /// The file, then the attribute.
        fid: Fid,
        /// The attribute's name.
        name: Str<'a>,
        /// Length of the value in bytes.
        attr_size: u64,
        /// As of `setxattr(2)`.
        flags: u32,
    }
    /// The answer to [`Txattrcreate`].
    reply Rxattrcreate = 33 {
    }
}
