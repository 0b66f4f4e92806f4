//! Brings the file to stable storage (9P2000.L).

messages! {
    /// Brings the file to stable storage (9P2000.L).
    request Tfsync = 50 {
        /// The file.
        fid: Fid,
        /// Not 0: as `fdatasync(2)`.
        datasync: u32,
    }
    /// The answer to [`Tfsync`].
    reply Rfsync = 51 {
    }
}
