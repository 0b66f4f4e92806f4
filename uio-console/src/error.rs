//! Why a frame was refused.

/// Why bytes on the console are not a frame of this protocol. Each of these ends the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// More than [`crate::MAX_FRAME`] bytes without a closing zero.
    Oversized,
    /// A COBS code byte points past the end of the frame.
    Truncated,
    /// The payload is no message of this protocol, or a message is followed by more bytes.
    Malformed,
    /// The message does not fit the buffer it was to be written to.
    NoRoom,
}
