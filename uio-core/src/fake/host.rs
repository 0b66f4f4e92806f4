//! The host's side: an engine on fakes, and what a test says to it.

use std::boxed::Box;
use std::collections::BTreeMap;
use std::string::String;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};
use std::vec::Vec;

use uio_console::frame::{decode_payload, encode};
use uio_console::record::{Failure, Record};
use uio_console::{FromGuest, MAX_FRAME, PROTOCOL_VERSION, RequestId, Terms, ToGuest};

use super::{FakeChannel, FakeFiles, FakeIsolation, FakePlatform};
use crate::{Engine, Receiver};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(10);

/// What should have come did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout;

/// What came for a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Records, as payloads of whole frames; see [`Self::records`].
    pub records: Vec<Vec<u8>>,
    /// Failures, as `Debug` writes them.
    pub failures: Vec<String>,
    /// Credit for standard input that is left.
    pub credit: usize,
    /// The exit status, once it came.
    pub status: Option<i32>,
    /// What came of the credit.
    pub cost: usize,
}

impl Answer {
    /// The records.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.records.iter().map(|payload| match owned(payload) {
            FromGuest::Record { record, .. } => record,
            other => panic!("no record: {other:?}"),
        })
    }
}

/// Decodes a payload that the guest sent.
///
/// # Panics
/// When it is malformed.
#[must_use]
pub fn owned(payload: &[u8]) -> FromGuest<'_> {
    decode_payload(payload).expect("the guest sent a malformed frame")
}

/// An engine on fakes, and the host that talks to it.
pub struct Host {
    /// The engine.
    pub engine: &'static Engine<FakePlatform>,
    /// Its kernel.
    pub platform: &'static FakePlatform,
    /// Its console.
    pub channel: &'static FakeChannel,
    /// Its files.
    pub files: &'static FakeFiles,
    /// Where its programs run.
    pub isolation: &'static FakeIsolation,
    /// Gives credit back for all that comes.
    pub generous: bool,
    /// The terms of the requests that it starts.
    pub terms: Terms,
    /// What came for each request.
    pub answers: BTreeMap<u32, Answer>,
    /// Session frames that came: `Hello` and `Closed`, as `Debug` writes them.
    pub session: Vec<String>,
    receiver: Receiver,
    last_id: u32,
}

impl Host {
    /// A guest that has booted, without a session.
    #[must_use]
    pub fn new() -> Self {
        let platform: &'static FakePlatform = Box::leak(Box::default());
        let channel: &'static FakeChannel = Box::leak(Box::default());
        let files: &'static FakeFiles = Box::leak(Box::default());
        let isolation: &'static FakeIsolation = Box::leak(Box::default());
        let engine: &'static Engine<FakePlatform> =
            Box::leak(Box::new(Engine::new(platform, files, channel, isolation)));
        platform.boot(move |worker| {
            engine.worker(worker);
            platform.workers.fetch_sub(1, SeqCst);
        });
        Self {
            engine,
            platform,
            channel,
            files,
            isolation,
            generous: true,
            terms: Terms::default(),
            answers: BTreeMap::new(),
            session: Vec::new(),
            receiver: Receiver::new(),
            last_id: 0,
        }
    }

    /// A guest with an open session.
    #[must_use]
    pub fn connected() -> Self {
        let mut host = Self::new();
        host.hello().expect("no hello");
        host
    }

    /// Sends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.engine.receive(&mut self.receiver, bytes);
    }

    /// Sends a message.
    pub fn send(&mut self, message: &ToGuest<'_>) {
        let mut frame = [0; MAX_FRAME];
        let len = encode(message, &mut frame).expect("message too long");
        self.raw(&frame[..len]);
    }

    /// Opens a session and waits for the guest's answer.
    ///
    /// # Errors
    /// It did not come.
    pub fn hello(&mut self) -> Result<(), Timeout> {
        let before = self.hellos();
        self.send(&ToGuest::Hello {
            version: PROTOCOL_VERSION,
        });
        self.until(|host| host.hellos() > before)
    }

    fn hellos(&self) -> usize {
        self.session
            .iter()
            .filter(|text| text.starts_with("Hello"))
            .count()
    }

    /// Starts a command; returns its request's identifier.
    pub fn start(&mut self, credit: u32, args: &[&str]) -> u32 {
        self.last_id += 1;
        let id = self.last_id;
        self.start_as(id, credit, args);
        id
    }

    /// Starts a command with this identifier.
    pub fn start_as(&mut self, id: u32, credit: u32, args: &[&str]) {
        let mut argv = Vec::new();
        for arg in args {
            argv.extend_from_slice(arg.as_bytes());
            argv.push(0);
        }
        self.answers.insert(id, Answer::default());
        self.send(&ToGuest::Exec {
            id: RequestId(id),
            credit,
            terms: self.terms,
            argv: &argv,
        });
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// When it does not end.
    pub fn run(&mut self, args: &[&str]) -> Answer {
        let id = self.start(8192, args);
        self.exit(id)
            .unwrap_or_else(|_| panic!("no exit of {args:?}"))
    }

    /// Waits for the exit of a request and takes its answer.
    ///
    /// # Errors
    /// It did not come.
    pub fn exit(&mut self, id: u32) -> Result<Answer, Timeout> {
        self.until(|host| host.answer(id).status.is_some())?;
        self.answers.remove(&id).ok_or(Timeout)
    }

    /// What came for a request so far.
    pub fn answer(&self, id: u32) -> Answer {
        self.answers.get(&id).cloned().unwrap_or_default()
    }

    /// Reads frames until `done`.
    ///
    /// # Errors
    /// Time is up.
    pub fn until(&mut self, done: impl Fn(&Self) -> bool) -> Result<(), Timeout> {
        let end = Instant::now() + PATIENCE;
        while !done(self) {
            if Instant::now() > end {
                return Err(Timeout);
            }
            self.poll(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Reads the frames that come within this time.
    pub fn poll(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while let Some(frame) = self
            .channel
            .take(end.saturating_duration_since(Instant::now()))
        {
            self.take(&frame);
            if Instant::now() > end {
                return;
            }
            if self.channel.waiting() == 0 {
                return;
            }
        }
    }

    fn take(&mut self, frame: &[u8]) {
        let mut paid = None;
        match owned(frame) {
            FromGuest::Hello(hello) => {
                // Whatever comes from here on is of the new session.
                self.answers.clear();
                self.session.push(std::format!("{hello:?}"));
            }
            FromGuest::Closed { reason } => self.session.push(std::format!("Closed {reason:?}")),
            FromGuest::Stdout { id, data } => {
                self.open(id).stdout.extend_from_slice(data);
                paid = Some(id);
            }
            FromGuest::Stderr { id, data } => {
                self.open(id).stderr.extend_from_slice(data);
                paid = Some(id);
            }
            FromGuest::Record { id, .. } => {
                self.open(id).records.push(frame.to_vec());
                paid = Some(id);
            }
            FromGuest::Failure { id, failure } => {
                let text = std::format!("{failure:?}");
                self.open(id).failures.push(text);
                paid = Some(id);
            }
            FromGuest::Credit { id, bytes } => self.open(id).credit += bytes as usize,
            FromGuest::Exit { id, status } => self.open(id).status = Some(status),
        }
        if let Some(id) = paid {
            let bytes = uio_console::cost(frame.len());
            self.open(id).cost += bytes as usize;
            if self.generous {
                self.send(&ToGuest::Credit { id, bytes });
            }
        }
    }

    /// The answer of a request that has not ended.
    fn open(&mut self, id: RequestId) -> &mut Answer {
        let answer = self.answers.entry(id.0).or_default();
        assert!(answer.status.is_none(), "a frame after the exit of {id:?}");
        answer
    }

    /// A failure as [`Answer::failures`] has it.
    #[must_use]
    pub fn text(failure: &Failure<'_>) -> String {
        std::format!("{failure:?}")
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}
