//! Gives up the request `oldtag`, whose tag is free again after the reply (9P2000, `flush(5)`).

messages! {
    /// Gives up the request `oldtag`, whose tag is free again after the reply (9P2000, `flush(5)`).
    request Tflush = 108 {
        /// The request.
        oldtag: Tag,
    }
    /// The answer to [`Tflush`].
    reply Rflush = 109 {
    }
}
