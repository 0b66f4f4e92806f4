//! Forgets `fid`, whatever the answer (9P2000, `clunk(5)`).

messages! {
    /// Forgets `fid`, whatever the answer (9P2000, `clunk(5)`).
    request Tclunk = 120 {
        /// The file.
        fid: Fid,
    }
    /// The answer to [`Tclunk`].
    reply Rclunk = 121 {
    }
}
