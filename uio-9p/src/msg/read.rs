//! Reads a file (9P2000, `read(5)`).

messages! {
    /// Reads a file (9P2000, `read(5)`).
    request Tread = 116 {
        /// The open file.
        fid: Fid,
        /// Where from, in bytes.
        offset: u64,
        /// Most bytes to read.
        count: u32,
    }
    /// The answer to [`Tread`].
    reply Rread<'a> = 117 {
        /// What was read; less than asked for at the end of the file.
        data: Data<'a>,
    }
}
