//! Writes a file (9P2000, `read(5)`).

messages! {
    /// Writes a file (9P2000, `read(5)`).
    request Twrite<'a> = 118 {
        /// The open file.
        fid: Fid,
        /// Where to, in bytes.
        offset: u64,
        /// What to write.
        data: Data<'a>,
    }
    /// The answer to [`Twrite`].
    reply Rwrite = 119 {
        /// Bytes written.
        count: u32,
    }
}
