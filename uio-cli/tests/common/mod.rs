//! A VM without a machine: the real engine on fakes behind the broker, a sleeping process in the
//! monitor's place.

#![allow(dead_code)]

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use uio_cli::broker::serial::Log;
use uio_cli::broker::server::{Ended, Observer, Server, Vm};
use uio_cli::client::{Client, GuestInfo};
use uio_console::MAX_FRAME;
use uio_console::frame::stuff;
use uio_core::Receiver;
use uio_core::fake::Host;

/// How long a test waits for an answer.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A directory that goes away with the value.
pub struct Room(pub PathBuf);

impl Drop for Room {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A VM with a broker of its own.
pub struct FakeVm {
    pub room: Room,
    pub socket: PathBuf,
    /// The engine's fakes; `None` when the test plays the guest itself.
    pub host: Option<Host>,
    /// A byte stops the VM.
    pub stop: UnixStream,
    pub pid: u32,
    pub broker: JoinHandle<Ended>,
}

struct Nobody;
impl Observer for Nobody {
    fn serial(&mut self, _: &[u8]) {}
    fn diagnostics(&mut self, _: &[u8]) {}
    fn ready(&mut self, _: &GuestInfo) {}
}

impl FakeVm {
    /// A guest with the real engine.
    pub fn new() -> Self {
        let (console, guest) = UnixStream::pair().unwrap();
        let host = Host::new();
        serve(&host, guest);
        let mut vm = Self::with_console(console, sleeper());
        vm.host = Some(host);
        vm
    }

    /// A VM whose guest is whatever is at the other end of `console`.
    pub fn with_console(console: UnixStream, child: Child) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("uio-broker-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir(&dir).unwrap();
        let socket = dir.join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        let (signals, stop) = UnixStream::pair().unwrap();
        let log = Log::create(&dir.join("log")).unwrap();
        let pid = child.id();
        let broker = thread::spawn(move || {
            let vm = Vm {
                child,
                console,
                share: None,
            };
            Server::new(vm, listener, signals, log, &mut Nobody)
                .unwrap()
                .run()
                .unwrap()
        });
        Self {
            room: Room(dir),
            socket,
            host: None,
            stop,
            pid,
            broker,
        }
    }

    /// A client with an open session.
    pub fn client(&self) -> Client {
        Client::connect_to("web", &self.socket, PATIENCE).unwrap()
    }

    /// A connection without a session.
    pub fn raw(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Panics unless the guest serves a new client.
    pub fn still_serves(&self) {
        let answer = self.client().run(&["exit", "7"]).unwrap();
        assert_eq!(answer.status, 7);
    }

    /// Ends the VM as `uio stop` does.
    pub fn end(mut self) -> Ended {
        self.stop.write_all(b"x").unwrap();
        self.broker.join().unwrap()
    }

    /// What is in the log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.room.0.join("log")).unwrap()
    }
}

/// Connects an engine to its end of the console.
fn serve(host: &Host, console: UnixStream) {
    let (engine, channel) = (host.engine, host.channel);
    let mut input = console.try_clone().unwrap();
    thread::spawn(move || {
        let mut receiver = Receiver::new();
        let mut buffer = [0; 512];
        while let Ok(count @ 1..) = input.read(&mut buffer) {
            engine.receive(&mut receiver, &buffer[..count]);
        }
    });
    let mut output = console;
    thread::spawn(move || {
        loop {
            if let Some(payload) = channel.take(Duration::from_secs(3600)) {
                let mut frame = [0; MAX_FRAME];
                let len = stuff(&payload, &mut frame).unwrap();
                if output.write_all(&frame[..len]).is_err() {
                    return;
                }
            }
        }
    });
}

/// A process that does nothing, in the monitor's place.
pub fn sleeper() -> Child {
    shell("exec sleep 300")
}

/// A shell script in the monitor's place.
pub fn shell(script: &str) -> Child {
    Command::new("sh")
        .args(["-c", script])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}
