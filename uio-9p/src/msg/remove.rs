//! Removes the file of `fid` and forgets `fid`, whatever the answer (9P2000, `remove(5)`).

messages! {
    /// Removes the file of `fid` and forgets `fid`, whatever the answer (9P2000, `remove(5)`).
    request Tremove = 122 {
        /// The file.
        fid: Fid,
    }
    /// The answer to [`Tremove`].
    reply Rremove = 123 {
    }
}
