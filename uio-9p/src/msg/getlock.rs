//! Asks which lock is in the way (9P2000.L).

messages! {
    /// Asks which lock is in the way (9P2000.L).
    request Tgetlock<'a> = 54 {
        /// The file.
        fid: Fid,
        /// 0 read, 1 write.
        kind: u8,
        /// First byte.
        start: u64,
        /// Bytes; 0 to the end.
        length: u64,
        /// Who, a number.
        proc_id: u32,
        /// Who, a name.
        client_id: Str<'a>,
    }
    /// The answer to [`Tgetlock`].
    reply Rgetlock<'a> = 55 {
        /// 0 read, 1 write, 2 none in the way.
        kind: u8,
        /// First byte.
        start: u64,
        /// Bytes; 0 to the end.
        length: u64,
        /// Who holds it, a number.
        proc_id: u32,
        /// Who holds it, a name.
        client_id: Str<'a>,
    }
}
