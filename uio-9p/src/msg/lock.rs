//! Takes or gives back a POSIX record lock (9P2000.L).

messages! {
    /// Takes or gives back a POSIX record lock (9P2000.L).
    request Tlock<'a> = 52 {
        /// The file.
        fid: Fid,
        /// 0 read, 1 write, 2 unlock.
        kind: u8,
        /// 1 wait for it, 2 reclaim.
        flags: u32,
        /// First byte.
        start: u64,
        /// Bytes; 0 to the end.
        length: u64,
        /// Who, a number.
        proc_id: u32,
        /// Who, a name.
        client_id: Str<'a>,
    }
    /// The answer to [`Tlock`].
    reply Rlock = 53 {
        /// 0 taken, 1 blocked, 2 error, 3 grace period.
        status: u8,
    }
}
