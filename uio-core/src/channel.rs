//! The way out: frames to the host.

/// Carries frames to the host. Several tasks send at once, none ever spins.
pub trait Channel: Sync {
    /// Sends `payload` (see `uio_console::frame`) as one frame if there is room for it now.
    /// Returns whether it did. Never blocks.
    fn try_send(&self, payload: &[u8]) -> bool;

    /// Blocks until [`Self::try_send`] is worth another try. May return early.
    fn wait_for_room(&self);
}
