//! The answer to any request that the server refuses (9P2000.L).

messages! {
    /// The answer to any request that the server refuses.
    reply Rlerror = 7 {
        /// Linux error number.
        ecode: u32,
    }
}
