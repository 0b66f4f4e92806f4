//! Stands in for QEMU in the tests of the command line: the guest's real engine on fakes, its
//! console on the socket that the broker hands over.
//!
//! The tests start it through a shell script that finds the socket's descriptor among QEMU's
//! arguments and makes it standard input and output of this program.

use std::io::{Read, Write};
use std::time::Duration;

use uio_console::MAX_FRAME;
use uio_console::frame::stuff;
use uio_core::Receiver;
use uio_core::fake::Host;

fn main() {
    let host = Host::new();
    host.files.add("/hello", b"hello from the guest\n");
    let (engine, channel) = (host.engine, host.channel);
    std::thread::spawn(move || {
        let mut receiver = Receiver::new();
        let mut buffer = [0; 512];
        while let Ok(count @ 1..) = std::io::stdin().read(&mut buffer) {
            engine.receive(&mut receiver, &buffer[..count]);
        }
        std::process::exit(1);
    });
    let mut output = std::io::stdout().lock();
    loop {
        if let Some(payload) = channel.take(Duration::from_secs(3600)) {
            let mut frame = [0; MAX_FRAME];
            let len = stuff(&payload, &mut frame).expect("a payload fits a frame");
            if output
                .write_all(&frame[..len])
                .and_then(|()| output.flush())
                .is_err()
            {
                return;
            }
        }
    }
}
