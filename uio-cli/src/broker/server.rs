//! The broker's loop: one thread, everything non-blocking, one `poll`.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, ChildStderr, ChildStdout, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use super::fresh::Shared;
use super::guest::ClientId;
use super::mux::Mux;
use super::serial::Log;
use super::stream::{Incoming, hung_up, interest, nonblocking, read};
use crate::client::GuestInfo;
use crate::error::{Error, Result};

/// Clients that may be connected at once; more of them wait to be accepted.
pub const MAX_CLIENTS: usize = 256;

/// How long the monitor has to end by itself after SIGTERM, before it is killed.
const TERM_GRACE: Duration = Duration::from_secs(3);

/// How long a client whose session was closed has to read why.
const CLOSE_GRACE: Duration = Duration::from_secs(2);

/// How long the guest has to answer a hello after its session was lost.
const GREET_AGAIN: Duration = Duration::from_secs(5);

/// How long clients have to read what waits for them once the VM has ended.
const END_GRACE: Duration = Duration::from_millis(500);

/// What watches a broker; every method may do nothing.
pub trait Observer {
    /// The guest printed this on its serial line.
    fn serial(&mut self, bytes: &[u8]);
    /// The monitor printed this on its standard error.
    fn diagnostics(&mut self, bytes: &[u8]);
    /// The overlay answered, and said this of itself.
    fn ready(&mut self, guest: &GuestInfo);
}

/// A virtual machine monitor that runs.
pub struct Vm {
    /// Its process.
    pub child: Child,
    /// Our end of the guest's console.
    pub console: UnixStream,
    /// The directory that is shared with it.
    pub share: Option<Shared>,
}

/// How a VM ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// Exit status of the monitor.
    pub status: ExitStatus,
    /// Whether it was told to stop.
    pub stopped: bool,
}

/// A broker at work.
pub struct Server<'a> {
    mux: Mux,
    child: Child,
    exit: OwnedFd,
    console: Option<UnixStream>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    listener: UnixListener,
    signals: UnixStream,
    clients: BTreeMap<ClientId, Connection>,
    log: Log,
    observer: &'a mut dyn Observer,
    stopping: Option<Instant>,
    greeted: Instant,
    ready: bool,
}

struct Connection {
    stream: UnixStream,
    /// Since when the session is over. What the client still sends is dropped, so that closing
    /// the connection does not take the reason away from it (a socket that is closed with unread
    /// bytes is reset).
    closing: Option<Instant>,
    /// All that is left for the client was written, and that said.
    finished: bool,
}

/// What a descriptor that `poll` reported belongs to.
#[derive(Clone, Copy)]
enum Source {
    Exit,
    Signal,
    Console,
    Stdout,
    Stderr,
    Listener,
    Client(ClientId),
}

impl<'a> Server<'a> {
    /// Takes charge of `vm`. Clients come through `listener`; a byte on `signals` stops the VM, a
    /// second one kills it.
    ///
    /// # Errors
    /// [`Error::Io`] when a descriptor cannot be set up; the child is killed then.
    pub fn new(
        vm: Vm,
        listener: UnixListener,
        signals: UnixStream,
        log: Log,
        observer: &'a mut dyn Observer,
    ) -> Result<Self> {
        let Vm {
            mut child,
            console,
            share,
        } = vm;
        let stdout = child.stdout.take();
        let stderr = child.stderr.take();
        let set_up = || -> io::Result<OwnedFd> {
            console.set_nonblocking(true)?;
            listener.set_nonblocking(true)?;
            signals.set_nonblocking(true)?;
            stdout.as_ref().map_or(Ok(()), nonblocking)?;
            stderr.as_ref().map_or(Ok(()), nonblocking)?;
            let pid = Pid::from_child(&child);
            Ok(pidfd_open(pid, PidfdFlags::empty())?)
        };
        let exit = match set_up() {
            Ok(exit) => exit,
            Err(e) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(Error::io("watch the virtual machine monitor", e));
            }
        };
        let mut mux = Mux::new();
        if let Some(share) = share {
            mux.watch(Box::new(share));
        }
        Ok(Self {
            mux,
            child,
            exit,
            console: Some(console),
            stdout,
            stderr,
            listener,
            signals,
            clients: BTreeMap::new(),
            log,
            observer,
            stopping: None,
            greeted: Instant::now(),
            ready: false,
        })
    }

    /// Serves until the VM has ended.
    ///
    /// # Errors
    /// [`Error::Io`] when `poll` fails; the VM is killed then.
    pub fn run(mut self) -> Result<Ended> {
        let served = self.serve();
        if served.is_err() {
            let _ = self.child.kill();
        }
        let status = self
            .child
            .wait()
            .map_err(|e| Error::io("wait for the virtual machine monitor", e))?;
        self.wind_up();
        served?;
        Ok(Ended {
            status,
            stopped: self.stopping.is_some(),
        })
    }

    fn serve(&mut self) -> Result<()> {
        loop {
            let ready = self
                .wait()
                .map_err(|e| Error::io("wait for clients and guest", e))?;
            let mut exited = false;
            for source in ready {
                match source {
                    Source::Exit => exited = true,
                    Source::Signal => self.signal(),
                    Source::Console => self.console(),
                    Source::Stdout => self.stdout(),
                    Source::Stderr => self.stderr(),
                    Source::Listener => self.accept(),
                    Source::Client(id) => self.client(id),
                }
            }
            if exited {
                return Ok(());
            }
            self.flush_console();
            self.flush_clients();
            self.keep_time();
            self.report();
        }
    }

    fn wait(&self) -> io::Result<Vec<Source>> {
        let mut sources = vec![Source::Exit, Source::Signal];
        let mut fds = vec![
            PollFd::new(&self.exit, PollFlags::IN),
            PollFd::new(&self.signals, PollFlags::IN),
        ];
        let mut add = |source, fd, flags| {
            sources.push(source);
            fds.push(PollFd::from_borrowed_fd(fd, flags));
        };
        if let Some(console) = &self.console {
            let writes = !self.mux.guest_output().is_empty();
            add(Source::Console, console.as_fd(), interest(true, writes));
        }
        if let Some(stdout) = &self.stdout {
            add(Source::Stdout, stdout.as_fd(), PollFlags::IN);
        }
        if let Some(stderr) = &self.stderr {
            add(Source::Stderr, stderr.as_fd(), PollFlags::IN);
        }
        if self.clients.len() < MAX_CLIENTS {
            add(Source::Listener, self.listener.as_fd(), PollFlags::IN);
        }
        for (&id, connection) in &self.clients {
            // Without any flag, `poll` still reports that the client has gone.
            let flags = interest(
                self.mux.reads_from(id) || self.mux.is_closing(id),
                !self.mux.client_output(id).is_empty(),
            );
            add(Source::Client(id), connection.stream.as_fd(), flags);
        }
        match poll(&mut fds, self.timeout().as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(Vec::new()),
            Err(e) => return Err(e.into()),
        }
        let reported = fds.iter().map(|fd| !fd.revents().is_empty());
        Ok(sources
            .into_iter()
            .zip(reported)
            .filter_map(|(source, ready)| ready.then_some(source))
            .collect())
    }

    /// Until when something must be looked after although nothing happens.
    fn timeout(&self) -> Option<Timespec> {
        let grace = self.stopping.map(|since| since + TERM_GRACE);
        let greet = self
            .mux
            .may_greet_again()
            .then(|| self.greeted + GREET_AGAIN);
        let closing = self.clients.values().filter_map(|c| c.closing).min();
        let next = [grace, greet, closing.map(|since| since + CLOSE_GRACE)]
            .into_iter()
            .flatten()
            .min()?;
        let left = next.saturating_duration_since(Instant::now());
        // A little more, so that the time has come when `poll` returns.
        Timespec::try_from(left + Duration::from_millis(1)).ok()
    }

    fn signal(&mut self) {
        let mut byte = [0; 16];
        let count = self.signals.read(&mut byte).unwrap_or(0);
        if count > 1 || self.stopping.is_some() {
            let _ = self.child.kill();
        } else if count == 1 {
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        }
        self.stopping.get_or_insert_with(Instant::now);
    }

    fn console(&mut self) {
        let mut buffer = [0; 16 * 1024];
        let Some(console) = &mut self.console else {
            return;
        };
        match read(console, &mut buffer) {
            Incoming::Bytes(count) => {
                self.mux.from_guest(&buffer[..count]);
            }
            Incoming::Later => {}
            // The monitor is about to end; its exit is waited for.
            Incoming::End => self.console = None,
        }
    }

    fn stdout(&mut self) {
        let mut buffer = [0; 16 * 1024];
        let Some(stdout) = &mut self.stdout else {
            return;
        };
        match read(stdout, &mut buffer) {
            Incoming::Bytes(count) => {
                self.log_bytes(&buffer[..count]);
                self.observer.serial(&buffer[..count]);
            }
            Incoming::Later => {}
            Incoming::End => self.stdout = None,
        }
    }

    fn stderr(&mut self) {
        let mut buffer = [0; 4096];
        let Some(stderr) = &mut self.stderr else {
            return;
        };
        match read(stderr, &mut buffer) {
            Incoming::Bytes(count) => {
                self.log_bytes(&buffer[..count]);
                self.observer.diagnostics(&buffer[..count]);
            }
            Incoming::Later => {}
            Incoming::End => self.stderr = None,
        }
    }

    fn flush_console(&mut self) {
        let Some(console) = &mut self.console else {
            return;
        };
        while let [_, ..] = self.mux.guest_output() {
            match console.write(self.mux.guest_output()) {
                Ok(count) => self.mux.guest_sent(count),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.console = None;
                    return;
                }
            }
        }
    }

    fn keep_time(&mut self) {
        let now = Instant::now();
        if self.stopping.is_some_and(|since| now >= since + TERM_GRACE) {
            let _ = self.child.kill();
            self.stopping = Some(now);
        }
        if !self.mux.may_greet_again() {
            self.greeted = now;
        } else if now >= self.greeted + GREET_AGAIN {
            self.mux.greet_again();
            self.greeted = now;
        }
        let late: Vec<ClientId> = self
            .clients
            .iter()
            .filter(|(_, c)| c.closing.is_some_and(|since| now >= since + CLOSE_GRACE))
            .map(|(&id, _)| id)
            .collect();
        for id in late {
            self.drop_client(id);
        }
    }

    fn report(&mut self) {
        for note in self.mux.take_notes() {
            let _ = self.log.note(&note);
        }
        if !self.ready
            && let Some(hello) = self.mux.guest()
        {
            let guest = GuestInfo::from(&hello);
            self.ready = true;
            self.observer.ready(&guest);
        }
    }

    fn log_bytes(&mut self, bytes: &[u8]) {
        // A full disk costs the log, not the VM.
        let _ = self.log.write(bytes);
    }

    /// The monitor has ended: takes in what it left, and gives clients what is theirs.
    fn wind_up(&mut self) {
        // Each of these reads what there is and ends with the pipe or with `Later`.
        for _ in 0..64 {
            self.console();
            self.stdout();
            self.stderr();
        }
        let until = Instant::now() + END_GRACE;
        loop {
            self.flush_clients();
            let waiting = self
                .clients
                .keys()
                .any(|&id| !self.mux.client_output(id).is_empty());
            if !waiting || Instant::now() >= until {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.report();
    }
}

mod clients;
