//! Signals as bytes on a stream, so that a `poll` loop sees them.

use std::os::unix::net::UnixStream;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

use crate::error::{Error, Result};

/// A stream that gets a byte for every Ctrl-C.
///
/// # Errors
/// [`Error::Io`]
pub fn interrupts() -> Result<UnixStream> {
    register(&[SIGINT])
}

/// A stream that gets a byte whenever this process is asked to end.
///
/// # Errors
/// [`Error::Io`]
pub fn endings() -> Result<UnixStream> {
    register(&[SIGINT, SIGTERM, SIGHUP])
}

fn register(signals: &[i32]) -> Result<UnixStream> {
    let fail = |e| Error::io("set up signal handling", e);
    let (ours, theirs) = UnixStream::pair().map_err(fail)?;
    ours.set_nonblocking(true).map_err(fail)?;
    for &signal in signals {
        let end = theirs.try_clone().map_err(fail)?;
        pipe::register(signal, end).map_err(fail)?;
    }
    Ok(ours)
}
