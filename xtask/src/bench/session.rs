//! The console's client: at the guest's own socket, with nothing between.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use uio_cli::broker::fresh::{Files, Shared};
use uio_console::frame::{self, Deframer};
use uio_console::record::{Failure, Memory, Record};
use uio_console::{FromGuest, MAX_FRAME, PROTOCOL_VERSION, RequestId, Terms, ToGuest};

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Output that a request may send before it needs more credit, in bytes. QEMU's virtconsole drops what the socket does not
/// take, so it must fit the socket's buffer, which holds some 180,000 bytes of frames.
const CREDIT: u32 = 96 * 1024;

/// What a record or a failure costs at most, names and all, in bytes.
const RECORD: u32 = uio_console::cost(2048);

/// A session with a guest's overlay.
pub struct Session {
    stream: UnixStream,
    deframer: Deframer,
    received: Vec<u8>,
    next: u32,
    /// Frames that were no message of this protocol.
    foreign: u32,
    /// What the guest said of itself.
    pub hello: Hello,
    /// The files on its share.
    files: Option<Shared>,
}

/// A command that was started.
#[derive(Debug)]
pub struct Open {
    id: RequestId,
    command: String,
    start: Instant,
}

/// What is kept of the guest's hello.
#[derive(Clone, Debug, Default)]
pub struct Hello {
    /// Mount point of the share; empty without one.
    pub share: String,
}

/// What a request answered.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Its exit status.
    pub status: i32,
    /// Bytes of standard output.
    pub stdout: u64,
    /// Records.
    pub records: u32,
    /// Its failures, for messages.
    pub failures: String,
    /// The last memory record.
    pub memory: Option<Memory>,
    /// Bytes that the last record of a copy tells.
    pub copied: u64,
    /// From before the command is sent to the exit frame received.
    pub took: Duration,
}

impl Session {
    /// Connects, and says hello.
    ///
    /// # Errors
    /// When nobody listens, or the overlay does not answer.
    pub fn open(socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket)
            .with_context(|| format!("no VM listens at {}", socket.display()))?;
        Self::over(stream)
    }

    /// Says hello over a connection.
    ///
    /// # Errors
    /// When the overlay does not answer.
    pub fn over(stream: UnixStream) -> Result<Self> {
        stream.set_read_timeout(Some(Duration::from_millis(200)))?;
        let mut session = Self {
            stream,
            deframer: Deframer::new(),
            received: Vec::new(),
            next: 1,
            foreign: 0,
            hello: Hello::default(),
            files: None,
        };
        session.stream.write_all(&[0])?;
        session.send(&ToGuest::Hello {
            version: PROTOCOL_VERSION,
        })?;
        let mut hello = None;
        session.receive(&mut |message| {
            if let FromGuest::Hello(said) = message {
                hello = Some(Hello {
                    share: said.share.to_owned(),
                });
            }
            hello.is_some()
        })?;
        session.hello = hello.context("the overlay said no hello")?;
        // What came before the hello may have been cut off.
        session.foreign = 0;
        Ok(session)
    }

    fn send(&mut self, message: &ToGuest<'_>) -> Result<()> {
        let mut bytes = [0; MAX_FRAME];
        let len = frame::encode(message, &mut bytes)
            .ok()
            .context("the command line is too long")?;
        self.stream
            .write_all(&bytes[..len])
            .context("the VM's console is closed")
    }

    /// Hands messages to `take` until it says that it has what it wants. What is no message is
    /// passed over, as it may come from before the session.
    fn receive(&mut self, take: &mut dyn FnMut(FromGuest<'_>) -> bool) -> Result<()> {
        let start = Instant::now();
        loop {
            while !self.received.is_empty() {
                let (used, payload) = self.deframer.next(&self.received);
                let message = payload.and_then(Result::ok).map(frame::decode_payload);
                self.foreign += u32::from(matches!(message, Some(Err(_))));
                let enough = matches!(message, Some(Ok(message)) if take(message));
                self.received.drain(..used);
                if enough {
                    return Ok(());
                }
            }
            let mut bytes = [0; 16 * 1024];
            match self.stream.read(&mut bytes) {
                Ok(0) => bail!("the VM has ended"),
                Ok(len) => self.received.extend_from_slice(&bytes[..len]),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(e) => return Err(e).context("the VM's console is closed"),
            }
            if start.elapsed() > LIMIT {
                bail!("the guest does not answer");
            }
        }
    }

    /// From now on the guest hears what the files that it is to run are like, as from a broker.
    pub fn watch(&mut self, files: Shared) {
        self.files = Some(files);
    }

    /// Runs a command; words are separated by spaces. Its output is counted and dropped.
    ///
    /// # Errors
    /// When the session ends.
    pub fn exec(&mut self, command: &str) -> Result<Answer> {
        let open = self.start(command)?;
        self.wait(open)
    }

    /// Starts a command, which goes on while others run. It must not end before it is waited for, nor have output.
    ///
    /// # Errors
    /// When the session ends.
    pub fn start(&mut self, command: &str) -> Result<Open> {
        let id = RequestId(self.next);
        self.next = self.next.wrapping_add(1);
        let argv: Vec<u8> = command
            .split(' ')
            .flat_map(|word| word.bytes().chain([0]))
            .collect();
        let files = self.files.as_ref();
        let fresh = files.and_then(|files| files.of(self.hello.share.as_bytes(), &argv));
        let terms = Terms {
            fresh,
            ..Terms::default()
        };
        let start = Instant::now();
        self.send(&ToGuest::Exec {
            id,
            credit: CREDIT,
            terms,
            argv: &argv,
        })?;
        Ok(Open {
            id,
            command: command.to_owned(),
            start,
        })
    }

    /// Ends a command early, as Ctrl-C does, and waits for its end.
    ///
    /// # Errors
    /// When the session ends.
    pub fn interrupt(&mut self, open: Open) -> Result<Answer> {
        self.send(&ToGuest::Interrupt { id: open.id })?;
        self.wait(open)
    }

    /// Waits for the end of a command.
    ///
    /// # Errors
    /// When the session ends.
    pub fn wait(&mut self, open: Open) -> Result<Answer> {
        let Open { id, command, start } = open;
        let mut answer = Answer::default();
        let mut ended = false;
        while !ended {
            let mut owed = 0;
            let received = self.receive(&mut |message| {
                ended = note(&message, id, &mut answer, &mut owed);
                ended || owed > CREDIT / 2
            });
            received.with_context(|| {
                format!(
                    "`{command}`, after {} bytes and {} records",
                    answer.stdout, answer.records
                )
            })?;
            if !ended {
                self.send(&ToGuest::Credit { id, bytes: owed })?;
            }
        }
        answer.took = start.elapsed();
        ensure!(
            self.foreign == 0,
            "the guest's messages are not of this version of the protocol; build the image again"
        );
        Ok(answer)
    }

    /// Like [`Session::exec`], for commands that must succeed.
    ///
    /// # Errors
    /// With what the guest said.
    pub fn run(&mut self, command: &str) -> Result<Answer> {
        let answer = self.exec(command)?;
        if answer.status == 0 {
            return Ok(answer);
        }
        bail!(
            "`{command}` ended with status {}{}",
            answer.status,
            answer.failures
        )
    }
}

/// Notes a message; says whether it ends request `id`.
fn note(message: &FromGuest<'_>, id: RequestId, answer: &mut Answer, owed: &mut u32) -> bool {
    let costs = match *message {
        FromGuest::Stdout { id: of, data } | FromGuest::Stderr { id: of, data } if of == id => {
            answer.stdout += data.len() as u64;
            // The data and, at most, what its frame says besides.
            uio_console::cost(data.len() + 8)
        }
        FromGuest::Record { id: of, record } if of == id => {
            answer.records += 1;
            match record {
                Record::Memory(memory) => answer.memory = Some(memory),
                Record::Copied { bytes } => answer.copied = bytes,
                _ => {}
            }
            RECORD
        }
        FromGuest::Failure { id: of, failure } if of == id => {
            answer.failures.push_str(&told(&failure));
            RECORD
        }
        FromGuest::Exit { id: of, status } if of == id => {
            answer.status = status;
            return true;
        }
        FromGuest::Closed { reason } => {
            answer.status = -1;
            answer.failures = format!(": the session was closed ({reason:?})");
            return true;
        }
        _ => 0,
    };
    *owed += costs;
    false
}

fn told(failure: &Failure<'_>) -> String {
    format!(": {failure:?}")
}

#[cfg(test)]
mod tests {
    use std::thread;

    use uio_console::Hello as GuestHello;
    use uio_console::record::NO_ARG;

    use super::*;

    const HELLO: FromGuest<'_> = FromGuest::Hello(GuestHello {
        version: PROTOCOL_VERSION,
        kernel: "0.11.0",
        overlay: "0.1.0",
        arch: "x86_64",
        build_id: &[],
        features: "",
        isolation: "none",
        policy: uio_console::Policy::Full,
        commands: "exit",
        share: "/uio",
        max_requests: 8,
    });

    /// A guest that answers each message of the host with the next of these lists.
    fn guest(answers: Vec<Vec<FromGuest<'static>>>) -> UnixStream {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        thread::spawn(move || {
            let mut deframer = Deframer::new();
            let mut answers = answers.into_iter();
            let mut bytes = [0; 1024];
            while let Ok(len @ 1..) = theirs.read(&mut bytes) {
                let mut at = 0;
                while at < len {
                    let (used, payload) = deframer.next(&bytes[at..len]);
                    at += used;
                    if payload.is_none() {
                        continue;
                    }
                    for message in answers.next().unwrap_or_default() {
                        let mut frame = [0; MAX_FRAME];
                        let len = frame::encode(&message, &mut frame).unwrap();
                        theirs.write_all(&frame[..len]).unwrap();
                    }
                }
            }
        });
        ours
    }

    #[test]
    fn answers_are_counted() {
        let id = RequestId(1);
        let mut session = Session::over(guest(vec![
            // What an earlier session left behind comes first.
            vec![FromGuest::Exit { id, status: 9 }, HELLO],
            vec![
                FromGuest::Stdout { id, data: b"four" },
                FromGuest::Record {
                    id,
                    record: Record::Copied { bytes: 7 },
                },
                FromGuest::Exit { id, status: 0 },
            ],
        ]))
        .unwrap();
        assert_eq!(session.hello.share, "/uio");
        let answer = session.run("cp a b").unwrap();
        assert_eq!((answer.stdout, answer.records, answer.copied), (4, 1, 7));
    }

    #[test]
    fn failures_are_told() {
        let id = RequestId(1);
        let failure = Failure::Os {
            arg: NO_ARG,
            errno: 28,
        };
        let mut session = Session::over(guest(vec![
            vec![HELLO],
            vec![
                FromGuest::Failure { id, failure },
                FromGuest::Exit { id, status: 1 },
            ],
        ]))
        .unwrap();
        let error = session.run("cp a b").unwrap_err().to_string();
        assert!(
            error.contains("status 1") && error.contains("28"),
            "{error}"
        );
    }

    #[test]
    fn credit_is_given_before_it_runs_out() {
        let id = RequestId(1);
        static DATA: [u8; 4000] = [b'x'; 4000];
        let half = CREDIT as usize / 2 / DATA.len() + 1;
        let mut session = Session::over(guest(vec![
            vec![HELLO],
            vec![FromGuest::Stdout { id, data: &DATA }; half],
            // Only when the credit came.
            vec![FromGuest::Exit { id, status: 0 }],
        ]))
        .unwrap();
        let answer = session.run("cat a").unwrap();
        assert_eq!(answer.stdout as usize, half * DATA.len());
    }
}
