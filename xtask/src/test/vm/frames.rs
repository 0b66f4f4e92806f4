//! Bad frames on uio's socket: they end their own session and never reach the guest.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::super::report::Report;
use super::Server;
use super::wire::{Noise, bad_input, close_reason, hello};
use crate::vm::Vm;

/// How long the broker has to end a bad session.
pub const LIMIT: Duration = Duration::from_secs(20);

/// A connection to the VM's socket, with bounded waits.
pub fn connect(vm: &Vm<'_>) -> Result<UnixStream> {
    let stream = UnixStream::connect(vm.socket()).context("connect to the VM's socket")?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    Ok(stream)
}

/// Sends bytes; the broker may close the connection at any moment.
fn send(stream: &mut UnixStream, bytes: &[u8]) {
    // A broken pipe is what the test is about.
    let _ = stream.write_all(bytes);
}

/// Reads until the broker has closed the connection.
fn rest(stream: &mut UnixStream) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(bytes),
        Err(error) => Err(error).context("the connection was not closed"),
    }
}

/// Runs all of them.
pub fn run(report: &mut Report, server: &Server<'_>) {
    let Some(all) = report.check("frames can be encoded", bad_input) else {
        return;
    };
    for (name, bytes, reason) in all {
        server.check(
            report,
            &format!("{name} on the socket ends its session"),
            |server| {
                let mut stream = connect(&server.vm)?;
                send(&mut stream, &bytes);
                let found = close_reason(&rest(&mut stream)?);
                // Whoever goes on sending may lose what was sent back.
                ensure!(
                    found == Some(reason) || (found.is_none() && bytes.len() > 4096 * 4),
                    "closed with {found:?}, not {reason:?}"
                );
                Ok(())
            },
        );
    }
    server.check(
        report,
        "random bytes on the socket end their session",
        |server| {
            for seed in 0..40 {
                let mut noise = Noise::new(seed);
                let mut stream = connect(&server.vm)?;
                if seed % 2 == 0 {
                    send(&mut stream, &hello()?);
                }
                let len = 1 + noise.below(10_000);
                send(&mut stream, &noise.bytes(len));
                send(&mut stream, &[0]);
                stream.shutdown(std::net::Shutdown::Write)?;
                rest(&mut stream)?;
            }
            Ok(())
        },
    );
}
