//! Commands in the background of a shell: each has a session, and a thread, of its own.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use serde_json::json;
use uio_console::record::Record;
use uio_console::{FromGuest, Policy};

use super::super::ANSWER_TIME;
use super::super::exec::{How, INTERRUPTED, exit_code};
use super::super::symbols::HostSymbols;
use crate::client::Client;
use crate::client::drive::{Drive, Ending, drive};
use crate::entry::Entry;
use crate::error::{Error, Result, exit};
use crate::render::{Format, Output, Renderer};
use crate::shell::{Lines, Screen, Stream};

/// How long a new job has to tell its number before the prompt returns without it.
const NUMBER_TIME: Duration = Duration::from_secs(2);

/// Jobs that have ended whose exit status `fg` can still tell.
const REMEMBERED: usize = 64;

/// How often somebody who waits looks for a Ctrl-C.
const TICK: Duration = Duration::from_millis(20);

/// What a job needs of its shell.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) vm: Entry,
    pub(super) policy: Policy,
    pub(super) how: How,
    pub(super) screen: Screen,
}

/// The jobs of a shell.
#[derive(Default)]
pub(super) struct Jobs(Vec<Job>);

struct Job {
    /// The guest's number of it, once that was told.
    number: Option<u32>,
    numbers: Receiver<u32>,
    /// A byte here is a Ctrl-C for it.
    interrupt: UnixStream,
    /// Gets its exit status.
    ended: Receiver<u8>,
    status: Option<u8>,
}

impl Job {
    /// Takes note of what it has told meanwhile; gives its exit status if it has ended.
    fn look(&mut self) -> Option<u8> {
        self.number = self.number.or_else(|| self.numbers.try_recv().ok());
        match self.ended.try_recv() {
            Ok(status) => self.status = Some(status),
            // It was not told: the thread panicked.
            Err(TryRecvError::Disconnected) if self.status.is_none() => {
                self.status = Some(exit::FAILURE);
            }
            Err(_) => {}
        }
        self.status
    }
}

impl Jobs {
    /// Starts a command in the background and says its number.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub(super) fn start(&mut self, origin: &Origin, argv: Vec<Vec<u8>>) -> Result<()> {
        let fail = |e| Error::io("start a job", e);
        let (interrupt, interrupts) = UnixStream::pair().map_err(fail)?;
        let (tell_number, numbers) = channel();
        let (tell_end, ended) = channel();
        let background = Background {
            origin: origin.clone(),
            argv,
            interrupts,
            number: None,
            numbers: tell_number,
        };
        thread::Builder::new()
            .name("job".to_owned())
            .spawn(move || {
                // The shell may have left.
                let _ = tell_end.send(background.run());
            })
            .map_err(fail)?;
        let number = numbers.recv_timeout(NUMBER_TIME).ok();
        self.0.push(Job {
            number,
            numbers,
            interrupt,
            ended,
            status: None,
        });
        Ok(())
    }

    /// How many still run.
    pub(super) fn running(&mut self) -> usize {
        for job in &mut self.0 {
            job.look();
        }
        let ended = self.0.iter().filter(|job| job.status.is_some()).count();
        let mut superfluous = ended.saturating_sub(REMEMBERED);
        self.0.retain(|job| {
            let forgotten = superfluous > 0 && job.status.is_some();
            superfluous -= usize::from(forgotten);
            !forgotten
        });
        self.0.iter().filter(|job| job.status.is_none()).count()
    }

    /// Waits for the job with this number, or the last one; a Ctrl-C meanwhile is for it. Gives its
    /// exit status, also if it has ended before; `None` if there is no such job.
    pub(super) fn foreground(
        &mut self,
        number: Option<u32>,
        interrupts: &mut UnixStream,
    ) -> Option<u8> {
        self.running();
        let index = match number {
            Some(number) => self.0.iter().position(|job| job.number == Some(number))?,
            None => self.0.len().checked_sub(1)?,
        };
        let mut job = self.0.remove(index);
        loop {
            if let Some(status) = job.look() {
                return Some(status);
            }
            thread::sleep(TICK);
            if ctrl_c(interrupts) {
                // If it has ended, nobody reads it.
                let _ = job.interrupt.write_all(b"c");
            }
        }
    }

    /// Waits until no job runs any more; false if a Ctrl-C ended the waiting.
    pub(super) fn wait(&mut self, interrupts: &mut UnixStream) -> bool {
        while self.running() != 0 {
            if ctrl_c(interrupts) {
                return false;
            }
            thread::sleep(TICK);
        }
        true
    }
}

/// Whether a Ctrl-C came.
fn ctrl_c(interrupts: &mut UnixStream) -> bool {
    let mut bytes = [0; 16];
    matches!(interrupts.read(&mut bytes), Ok(count) if count > 0)
}

/// A command in the background.
struct Background {
    origin: Origin,
    argv: Vec<Vec<u8>>,
    interrupts: UnixStream,
    number: Option<u32>,
    numbers: Sender<u32>,
}

impl Background {
    /// Runs it to its end; gives its exit status.
    fn run(mut self) -> u8 {
        let ended = self.drive();
        let status = match &ended {
            Ok(ending) => exit_code(*ending),
            Err(e) => {
                self.notice(&format!("uio: {e}"), json!({ "error": e.to_string() }));
                e.exit_code()
            }
        };
        let state = match status {
            0 => "done".to_owned(),
            INTERRUPTED => "interrupted".to_owned(),
            status => format!("exit {status}"),
        };
        let event = json!({ "event": "ended", "job": self.number, "status": status });
        self.notice(&format!("{} {state}", self.label()), event);
        status
    }

    fn drive(&mut self) -> Result<Ending> {
        let Origin {
            vm,
            policy,
            how,
            screen,
        } = self.origin.clone();
        let mut client = Client::connect(&vm, ANSWER_TIME)?;
        client.session().lower(policy);
        let guest = client.guest().clone();
        let symbols = HostSymbols::new(vm.symbols.clone(), &guest.build_id);
        let near = |name: &[u8]| symbols.near(name);
        let mut out = Lines::new(&screen, Stream::Out);
        let mut err = Lines::new(&screen, Stream::Err);
        let mut output = Output {
            out: &mut out,
            err: &mut err,
            format: how.format,
            colour: false,
            width: None,
        };
        let argv = self.argv.clone();
        let mut renderer = Renderer::new(&mut output, &argv);
        renderer.near_matches(&near);
        renderer.isolation(&guest.isolation);
        renderer.verbose(how.verbose);
        let mut interrupts = self
            .interrupts
            .try_clone()
            .map_err(|e| Error::io("copy a descriptor", e))?;
        let with = Drive {
            stdin: None,
            interrupts: Some(&mut interrupts),
            timeout: None,
            announce: true,
        };
        let ending = drive(&mut client, &argv, with, &mut |message| {
            if let FromGuest::Record {
                record: Record::Job(job),
                ..
            } = message
                && self.number.is_none()
            {
                self.begun(job.number);
                return true;
            }
            renderer.message(message);
            !renderer.is_broken()
        });
        let status = match &ending {
            Ok(Ending::Status(status)) => *status,
            _ => 1,
        };
        // A terminal that has gone is no fault of the job.
        let _ = renderer.finish(status);
        let _ = out.end().and_then(|()| err.end());
        ending
    }

    /// Its number is known.
    fn begun(&mut self, number: u32) {
        self.number = Some(number);
        let event = json!({ "event": "started", "job": number, "command": self.words() });
        self.notice(&self.label(), event);
        let _ = self.numbers.send(number);
    }

    /// `[%4] run /uio/x.o`
    fn label(&self) -> String {
        let number = self.number.map_or("-".to_owned(), |n| format!("%{n}"));
        format!("[{number}] {}", self.words())
    }

    fn words(&self) -> String {
        let words = self.argv.iter().map(|word| String::from_utf8_lossy(word));
        shell_words::join(words)
    }

    /// Tells of the job on standard error.
    fn notice(&self, text: &str, event: serde_json::Value) {
        let line = match self.origin.how.format {
            Format::Text => format!("{text}\n"),
            Format::Json => format!("{event}\n"),
        };
        let _ = self.origin.screen.show(Stream::Err, line.as_bytes());
    }
}
