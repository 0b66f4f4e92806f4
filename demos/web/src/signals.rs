//! Signals from the operator: `kill HUP` reads the configuration again, `kill TERM` and `kill INT`
//! end the server.

use std::sync::OnceLock;

use uio_app::{Error, Signal};

use crate::control::Handle;

/// The server that signals are for. A handler is a plain function, so this is the only way to it.
static SERVER: OnceLock<Handle> = OnceLock::new();

/// Makes signals reach the server of `handle`; the first one counts. Without the overlay, which is
/// no error, none will ever come.
///
/// # Errors
///
/// When the kernel does not take a handler.
pub fn install(handle: Handle) -> Result<(), Error> {
    let _ = SERVER.set(handle);
    for signal in [Signal::Hup, Signal::Term, Signal::Int] {
        match uio_app::on_signal(signal, deliver) {
            Ok(()) | Err(Error::Off) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Runs on a task of the overlay: only sets flags and wakes a thread.
fn deliver(signal: Signal) {
    let Some(server) = SERVER.get() else {
        return;
    };
    match signal {
        Signal::Hup => server.reload(),
        _ => server.stop(),
    }
}
