//! Agrees on size and dialect; ends whatever session there was (9P2000, `version(5)`).

messages! {
    /// Agrees on size and dialect; ends whatever session there was (9P2000, `version(5)`).
    request Tversion<'a> = 100 {
        /// Largest message offered, in bytes.
        msize: u32,
        /// `9P2000.L`.
        version: Str<'a>,
    }
    /// The answer to [`Tversion`].
    reply Rversion<'a> = 101 {
        /// Largest message of this session, in bytes; not above the offer.
        msize: u32,
        /// `9P2000.L`, or `unknown`.
        version: Str<'a>,
    }
}

/// The dialect's name.
pub const DIALECT: &[u8] = b"9P2000.L";
