//! The client of a VM: what a program needs to run commands in a guest.
//!
//! [`session::Session`] speaks the protocol and does no I/O. [`Client`] moves its bytes over the
//! VM's socket, or over a recorded session ([`recording`]), and [`drive`] does so while it also
//! forwards standard input and Ctrl-C.
//!
//! ```no_run
//! use std::time::Duration;
//! use uio_cli::client::Client;
//! use uio_cli::entry::Registry;
//!
//! # fn main() -> uio_cli::error::Result<()> {
//! let vm = Registry::open()?.find(Some("web"))?;
//! let mut client = Client::connect(&vm, Duration::from_secs(10))?;
//! let answer = client.run(&["cat", "/var/log/access.log"])?;
//! assert_eq!(answer.status, 0);
//! # Ok(())
//! # }
//! ```

pub mod drive;
pub mod hello;
pub mod recording;
pub mod session;

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use uio_console::{FromGuest, RequestId};

use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::render::{failure, json};
pub use hello::GuestInfo;
pub use session::Session;

/// A session with a guest, over its VM's socket.
pub struct Client {
    name: String,
    stream: UnixStream,
    session: Session,
    guest: GuestInfo,
    recorder: Option<recording::Recorder>,
}

/// What a command answered, as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Its exit status.
    pub status: i32,
    /// What it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to its standard error.
    pub stderr: Vec<u8>,
    /// Its records, each as the JSON object that `--output json` prints.
    pub records: Vec<serde_json::Value>,
    /// Why (parts of) it failed, worded as the command line does.
    pub failures: Vec<String>,
}

impl Answer {
    /// Takes in a message of request `id`; returns whether that was its end.
    fn take(&mut self, argv: &[Vec<u8>], id: RequestId, message: &FromGuest<'_>) -> bool {
        match message {
            FromGuest::Stdout { data, id: of } if *of == id => self.stdout.extend_from_slice(data),
            FromGuest::Stderr { data, id: of } if *of == id => self.stderr.extend_from_slice(data),
            FromGuest::Record { record, id: of } if *of == id => {
                self.records.push(json::record(record));
            }
            FromGuest::Failure { failure, id: of } if *of == id => {
                self.failures.push(failure::words(argv, failure));
            }
            FromGuest::Exit { status, id: of } if *of == id => {
                self.status = *status;
                return true;
            }
            _ => {}
        }
        false
    }
}

impl Client {
    /// Connects to a VM and waits until its overlay answers.
    ///
    /// # Errors
    /// [`Error::VmEnded`] when nobody listens, [`Error::NoAnswer`] when the overlay does not answer
    /// in time, [`Error::Closed`] when it speaks another version of the protocol.
    pub fn connect(vm: &Entry, timeout: Duration) -> Result<Self> {
        Self::connect_to(&vm.name, &vm.socket, timeout)
    }

    /// Like [`Self::connect`], by the socket's path.
    ///
    /// # Errors
    /// See [`Self::connect`].
    pub fn connect_to(name: &str, socket: &Path, timeout: Duration) -> Result<Self> {
        let stream = UnixStream::connect(socket).map_err(|_| Error::VmEnded(name.to_owned()))?;
        Self::over(name, stream, timeout)
    }

    /// Opens a session over a stream that somebody else connected.
    ///
    /// # Errors
    /// See [`Self::connect`].
    pub fn over(name: &str, stream: UnixStream, timeout: Duration) -> Result<Self> {
        stream
            .set_nonblocking(true)
            .map_err(|e| Error::io("set up the VM's socket", e))?;
        let mut client = Self {
            name: name.to_owned(),
            stream,
            session: Session::new(),
            guest: GuestInfo::default(),
            recorder: None,
        };
        let until = Instant::now() + timeout;
        loop {
            if let Some(guest) = client.session.guest() {
                client.guest = guest.clone();
                return Ok(client);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::NoAnswer {
                    name: client.name,
                    after: timeout,
                });
            }
            client.step(Some(left), &mut |_| {})?;
        }
    }

    /// Records the session from here on, so that it can be replayed. See [`recording`].
    pub fn record(&mut self, mut recorder: recording::Recorder) {
        recorder.hello(&self.guest);
        self.recorder = Some(recorder);
    }

    /// What the guest says of itself.
    #[must_use]
    pub fn guest(&self) -> &GuestInfo {
        &self.guest
    }

    /// The name of the VM.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The session, to send messages through.
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Runs a command without standard input and collects all of its answer, however long it takes.
    ///
    /// # Errors
    /// [`Error::VmEnded`], [`Error::Closed`], [`Error::Protocol`]; [`Error::Usage`] when the
    /// arguments do not fit a frame.
    pub fn run<S: AsRef<[u8]>>(&mut self, argv: &[S]) -> Result<Answer> {
        self.run_within(argv, None)
    }

    /// Like [`Self::run`], with a time limit.
    ///
    /// # Errors
    /// As [`Self::run`]; [`Error::NoAnswer`] when the command has not ended in time. It is
    /// interrupted then.
    pub fn run_within<S: AsRef<[u8]>>(
        &mut self,
        argv: &[S],
        timeout: Option<Duration>,
    ) -> Result<Answer> {
        let argv: Vec<Vec<u8>> = argv.iter().map(|arg| arg.as_ref().to_vec()).collect();
        let id = self.session.exec(&argv)?;
        self.session.stdin_end(id);
        let until = timeout.map(|timeout| Instant::now() + timeout);
        let mut answer = Answer::default();
        let mut ended = false;
        while !ended {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                self.session.interrupt(id);
                self.flush()?;
                return Err(Error::NoAnswer {
                    name: self.name.clone(),
                    after: timeout.unwrap_or_default(),
                });
            }
            self.step(left, &mut |message| {
                ended |= answer.take(&argv, id, message);
            })?;
        }
        Ok(answer)
    }

    /// Waits for the socket up to `timeout` (without one: for ever), sends what waits, and calls
    /// `each` with every message that came.
    ///
    /// # Errors
    /// [`Error::VmEnded`], [`Error::Closed`], [`Error::Protocol`]
    pub fn step(
        &mut self,
        timeout: Option<Duration>,
        each: &mut dyn FnMut(&FromGuest<'_>),
    ) -> Result<()> {
        self.flush()?;
        let mut fds = [PollFd::from_borrowed_fd(
            self.stream.as_fd(),
            self.interest(),
        )];
        wait(&mut fds, timeout)?;
        self.flush()?;
        self.receive(each)
    }

    /// What [`Self::step`] would wait for on [`Self::as_fd`].
    #[must_use]
    pub fn interest(&self) -> PollFlags {
        if self.session.outgoing().is_empty() {
            PollFlags::IN
        } else {
            PollFlags::IN | PollFlags::OUT
        }
    }

    /// Sends what there is room for.
    ///
    /// # Errors
    /// [`Error::Io`]. A socket whose other side has gone is no error here: what that side sent
    /// before is still to be read.
    pub fn flush(&mut self) -> Result<()> {
        while !self.session.outgoing().is_empty() {
            match self.stream.write(self.session.outgoing()) {
                Ok(count) => {
                    if let Some(recorder) = &mut self.recorder {
                        recorder.sent(&self.session.outgoing()[..count]);
                    }
                    self.session.sent(count);
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e)
                    if matches!(e.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) =>
                {
                    let count = self.session.outgoing().len();
                    self.session.sent(count);
                }
                Err(e) => return Err(Error::io("write to the VM's socket", e)),
            }
        }
        Ok(())
    }

    /// Reads what has come.
    ///
    /// # Errors
    /// See [`Self::step`].
    pub fn receive(&mut self, each: &mut dyn FnMut(&FromGuest<'_>)) -> Result<()> {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(Error::VmEnded(self.name.clone())),
                Ok(count) => {
                    if let Some(recorder) = &mut self.recorder {
                        recorder.received(&buffer[..count]);
                    }
                    self.session.receive(&buffer[..count], each)?;
                    if count < buffer.len() {
                        return Ok(());
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::ConnectionReset => {
                    return Err(Error::VmEnded(self.name.clone()));
                }
                Err(e) => return Err(Error::io("read from the VM's socket", e)),
            }
        }
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Waits until one of `fds` is ready or `timeout` has passed; a signal ends it early.
///
/// # Errors
/// [`Error::Io`]
pub fn wait(fds: &mut [PollFd<'_>], timeout: Option<Duration>) -> Result<()> {
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    match poll(fds, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(e) => Err(Error::io("wait for the VM", e)),
    }
}
