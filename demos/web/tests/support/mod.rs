//! A server in this process, and a client that says exactly what it is told to.
#![allow(dead_code, reason = "every test file uses some of it")]

pub mod programs;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use web::control::{self, Handle};
use web::server::{Places, Server};

/// Nothing here takes longer, unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A server that runs until it is dropped.
pub struct Running {
    pub port: u16,
    pub directory: PathBuf,
    pub handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// A server with that configuration, or none when it is empty.
    pub fn start(config: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("web-test-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).expect("a scratch directory");
        if !config.is_empty() {
            fs::write(directory.join("web.toml"), config).expect("a configuration");
        }
        let places = Places {
            config: directory.join("web.toml"),
            logs: directory.join("var/log"),
            port: Some(0),
        };
        let mut server = Server::bind(&places).expect("it listens");
        let port = server.port();
        let handle = control::start(server.shared(), places.config).expect("a thread");
        let thread = thread::spawn(move || server.run().expect("it serves"));
        Self {
            port,
            directory,
            handle,
            thread: Some(thread),
        }
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.port)
    }

    /// The answer to `GET path` on a connection of its own.
    pub fn get(&self, path: &str) -> Answer {
        let mut client = self.connect();
        client.send(&format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        client.answer()
    }

    pub fn configure(&self, config: &str) {
        fs::write(self.directory.join("web.toml"), config).expect("a configuration");
    }

    pub fn log(&self, name: &str) -> String {
        fs::read_to_string(self.directory.join("var/log").join(name)).unwrap_or_default()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        Path::new(&self.directory).join(name)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            let _ = fs::remove_dir_all(&self.directory);
            assert!(ended.is_ok() || thread::panicking(), "the server panicked");
        }
    }
}

/// Waits for `condition`, which another thread makes true.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "never happened: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// One end of a connection.
pub struct Client {
    pub stream: TcpStream,
    /// What came behind the last answer.
    rest: Vec<u8>,
}

/// An answer, taken apart.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (field, value) = line.split_once(": ")?;
            field.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

impl Client {
    pub fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("it connects");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        stream.set_nodelay(true).expect("no delay");
        Self {
            stream,
            rest: Vec::new(),
        }
    }

    pub fn send(&mut self, text: &str) {
        self.send_bytes(text.as_bytes());
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("it takes what it gets");
    }

    fn more(&mut self) -> usize {
        let mut buffer = [0; 16 << 10];
        let count = match self.stream.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            Err(error) => panic!("no answer: {error}"),
        };
        self.rest.extend_from_slice(&buffer[..count]);
        count
    }

    /// The head of the next answer.
    pub fn head(&mut self) -> Answer {
        let end = loop {
            if let Some(at) = self.rest.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            let had = String::from_utf8_lossy(&self.rest).into_owned();
            assert!(self.more() > 0, "the connection ended after {had:?}");
        };
        let head: Vec<u8> = self.rest.drain(..end).collect();
        let head = String::from_utf8(head).expect("text");
        let status = head
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3))
            .and_then(|status| status.parse().ok())
            .expect("a status line");
        Answer {
            status,
            head,
            body: Vec::new(),
        }
    }

    /// The next answer, with its content.
    pub fn answer(&mut self) -> Answer {
        let mut answer = self.head();
        let len = answer
            .field("Content-Length")
            .map_or(0, |len| len.parse().expect("a number"));
        while self.rest.len() < len {
            assert!(self.more() > 0, "the connection ended within an answer");
        }
        answer.body = self.rest.drain(..len).collect();
        answer
    }

    /// Asserts that the server closes the connection without another word.
    pub fn expect_end(&mut self) {
        while self.more() > 0 {}
        let rest = String::from_utf8_lossy(&self.rest).into_owned();
        assert!(rest.is_empty(), "more came: {rest:?}");
    }
}
