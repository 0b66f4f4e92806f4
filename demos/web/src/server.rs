//! The loop that serves all connections.
//!
//! # Why one loop
//!
//! Hermit schedules without time slices: a thread runs until it blocks, or until an interrupt finds
//! an equal one ready. A thread per connection would block and switch for every request, spinning
//! in the kernel's executor before each sleep, and could not time out, since Hermit's sockets know
//! no receive time-out. One loop takes whatever has arrived on all connections with one `poll`,
//! sleeps only when nothing has, and so gets more efficient the more there is to do.
//!
//! # A round
//!
//! 1. sleep until something is ready;
//! 2. read and answer, into memory;
//! 3. write the access log, so that an answer is in the log before it is on the wire;
//! 4. send;
//! 5. hand what is over to the [`closer`](crate::closer).

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use crate::alarm::{Alarm, NEVER};
use crate::clock::Clock;
use crate::closer::Closer;
use crate::conn::{Conn, Context};
use crate::control;
use crate::listener::Listener;
use crate::log::{ErrorLog, RamLog};
use crate::site::Site;
use crate::stats;
use crate::sys::{self, Interest};
use crate::wake::Waker;

/// Where a server finds its files.
#[derive(Clone, Debug)]
pub struct Places {
    /// The configuration file; the built-in defaults hold when there is none.
    pub config: PathBuf,
    /// The directory of `access.log` and `error.log`; made when it is not there.
    pub logs: PathBuf,
    /// A port to use in place of the configured one; 0 is any free one.
    pub port: Option<u16>,
}

/// What the loop and the other threads share.
#[derive(Debug)]
pub struct Shared {
    site: Mutex<Arc<Site>>,
    /// The generation of `site`: the loop looks at this before it takes the lock.
    generation: AtomicU64,
    /// When the loop next has to look at the time.
    pub(crate) alarm: Alarm,
    /// Whether the loop takes no more connections.
    full: AtomicBool,
    pub(crate) stop: AtomicBool,
    /// Whether another thread has work that the loop should make room for.
    pub(crate) work: AtomicBool,
    pub(crate) waker: Waker,
    pub(crate) origin: Instant,
    pub(crate) errors: ErrorLog,
}

impl Shared {
    /// The configuration in force.
    #[must_use]
    pub fn site(&self) -> Arc<Site> {
        Arc::clone(&self.lock_site())
    }

    /// Puts another configuration in force.
    pub(crate) fn set_site(&self, site: Site) {
        let generation = site.generation;
        *self.lock_site() = Arc::new(site);
        self.generation.store(generation, Ordering::Release);
        self.waker.wake();
    }

    fn lock_site(&self) -> MutexGuard<'_, Arc<Site>> {
        self.site.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A server.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    site: Arc<Site>,
    listener: Listener,
    closer: Arc<Closer>,
    clients: Vec<Client>,
    most_clients: usize,
    clock: Clock,
    access: RamLog,
    /// Lines that are not in the access log yet.
    lines: Vec<u8>,
    scratch: Box<[u8]>,
    interests: Vec<Interest>,
    /// Rounds until the waker is replaced.
    fresh: u32,
    /// Whether the listening socket was ready.
    knocked: bool,
    /// Whether connections may have been left waiting when there was no place. Hermit's `poll` may
    /// not tell of them again: it only looks at one of the entries of a listening socket.
    waiting: bool,
    /// No connection is taken before, after one could not be.
    accept_again: u64,
}

#[derive(Debug)]
struct Client {
    stream: TcpStream,
    conn: Conn,
    /// Whether it is among what the loop sleeps on. One that is held back is not: the end of its connection
    /// would be reported at once, again and again, and could be dealt with only later.
    polled: bool,
    ready: bool,
    /// It took less than there was; no use trying before it is ready.
    stalled: bool,
}

/// Bytes taken from a connection at once.
const SCRATCH: usize = 16 << 10;
/// Rounds that use one waker.
const WAKER_ROUNDS: u32 = 256;
/// How long a connection may be idle while others cannot get in.
const IDLE_WHEN_FULL_MS: u64 = 1_000;
/// How often to see to connections that wait to be closed.
const CLOSER_PAUSE_MS: u64 = 100;
/// How long to leave new connections alone after one could not be taken.
const ACCEPT_PAUSE_MS: u64 = 200;

impl Server {
    /// Reads the configuration and listens.
    ///
    /// # Errors
    ///
    /// When there is no network or the port is taken. A broken configuration is no error here: the
    /// defaults hold, and the error log has the reason.
    pub fn bind(places: &Places) -> io::Result<Self> {
        let (site, outcome) = control::first_site(&places.config);
        let origin = stats::start();
        let listener = Listener::bind(places.port.unwrap_or(site.port), site.limits.backlog)?;
        let errors = ErrorLog::open(places.logs.join("error.log"), site.log.error_bytes);
        match outcome {
            Ok(text) => errors.notice(&text),
            Err(text) => errors.error(&text),
        }
        let site = Arc::new(site);
        let shared = Shared {
            site: Mutex::new(Arc::clone(&site)),
            generation: AtomicU64::new(site.generation),
            alarm: Alarm::new(),
            full: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            work: AtomicBool::new(false),
            waker: Waker::new()?,
            origin,
            errors,
        };
        let shared = Arc::new(shared);
        let closer = {
            let shared = Arc::clone(&shared);
            Closer::new(Box::new(move || {
                if shared.full.load(Ordering::Acquire) {
                    shared.waker.wake();
                }
            }))
        };
        Ok(Self {
            shared,
            listener,
            closer: Arc::new(closer),
            clients: Vec::new(),
            most_clients: site.limits.connections,
            clock: Clock::new(origin),
            access: RamLog::open(places.logs.join("access.log"), site.log.access_bytes),
            lines: Vec::new(),
            scratch: vec![0; SCRATCH].into_boxed_slice(),
            interests: Vec::new(),
            fresh: WAKER_ROUNDS,
            knocked: false,
            waiting: false,
            accept_again: 0,
            site,
        })
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.listener.port()
    }

    /// What the other threads need of it.
    #[must_use]
    pub fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Serves until told to stop.
    ///
    /// # Errors
    ///
    /// When it cannot wait for connections any more.
    pub fn run(&mut self) -> io::Result<()> {
        while !self.shared.stop.load(Ordering::Acquire) {
            self.wait()?;
            self.clock.refresh();
            self.take_site();
            self.read();
            self.accept();
            self.expire();
            self.write_log();
            self.send();
            self.part();
            if self.shared.work.load(Ordering::Relaxed) || self.closer.closing() > 0 {
                // Nothing takes the processor away from a loop that is always busy.
                thread::yield_now();
            }
        }
        self.write_log();
        Ok(())
    }

    /// Whether no more connections are taken. Those that are being closed do not keep new ones out,
    /// unless they become as many again: on Hermit, a peer can hold up closing for ever.
    fn is_full(&self) -> bool {
        let clients = self.clients.len();
        clients >= self.most_clients || clients + self.closer.closing() >= 2 * self.most_clients
    }

    fn wait(&mut self) -> io::Result<()> {
        let (mut deadline, mut exact) = (NEVER, NEVER);
        self.interests.clear();
        self.interests
            .push(Interest::new(self.shared.waker.fd(), true, false));
        for client in &mut self.clients {
            let input = client.conn.wants_input();
            let output = !client.conn.out().is_empty();
            deadline = deadline.min(client.conn.deadline());
            exact = exact.min(client.conn.held_until().unwrap_or(NEVER));
            client.polled = input || output;
            if client.polled {
                let fd = client.stream.as_raw_fd();
                self.interests.push(Interest::new(fd, input, output));
            }
        }
        let full = self.is_full();
        self.shared.full.store(full, Ordering::Release);
        let listens = !full && self.clock.now_ms >= self.accept_again;
        if listens {
            self.interests
                .push(Interest::new(self.listener.fd(), true, false));
        } else if full {
            deadline = deadline.min(self.clock.now_ms + IDLE_WHEN_FULL_MS);
        } else {
            deadline = deadline.min(self.accept_again);
        }
        if self.closer.waiting() > 0 {
            deadline = deadline.min(self.clock.now_ms + CLOSER_PAUSE_MS);
        }
        self.shared.alarm.set(deadline, exact);
        if (full || self.waiting) && !self.is_full() {
            // Either one closed between the two looks, and did not know that it had to wake this
            // loop, or there is a place now for one that was left waiting.
            self.shared.waker.wake();
        }
        sys::poll(&mut self.interests)?;
        self.after_sleep(listens)
    }

    /// Sorts out what is ready.
    fn after_sleep(&mut self, listens: bool) -> io::Result<()> {
        let mut ready = self.interests.iter().map(Interest::is_ready);
        let woken = ready.next() == Some(true);
        for client in &mut self.clients {
            client.ready = client.polled && ready.next() == Some(true);
        }
        self.knocked = listens && ready.next() == Some(true);
        self.fresh = self.fresh.saturating_sub(1);
        if woken || self.fresh == 0 {
            self.shared.waker.renew()?;
            self.fresh = WAKER_ROUNDS;
        }
        Ok(())
    }

    /// Another configuration holds from this round on.
    fn take_site(&mut self) {
        if self.shared.generation.load(Ordering::Acquire) != self.site.generation {
            self.site = self.shared.site();
            self.access.reopen(self.site.log.access_bytes);
        }
    }

    /// Calls `work` for every client with what it needs.
    fn each_client(&mut self, mut work: impl FnMut(&mut Client, &mut Context<'_>, &mut [u8])) {
        let mut context = Context {
            site: &self.site,
            clock: &self.clock,
            log: &mut self.lines,
            open: (self.clients.len() + self.closer.closing()) as u64,
        };
        for client in &mut self.clients {
            work(client, &mut context, &mut self.scratch);
        }
    }

    fn read(&mut self) {
        self.each_client(|client, context, scratch| {
            if client.ready && client.conn.wants_input() {
                client.read(context, scratch);
            }
        });
    }

    fn accept(&mut self) {
        if !self.knocked && (!self.waiting || self.is_full()) {
            return;
        }
        let before = self.clients.len();
        let outcome = match self.accept_some() {
            Ok(()) if self.knocked && self.clients.len() == before => self.listener.had_nothing(),
            other => other,
        };
        if let Err(error) = outcome {
            self.shared
                .errors
                .error(&format!("cannot take a connection: {error}"));
            self.accept_again = self.clock.now_ms + ACCEPT_PAUSE_MS;
        }
    }

    fn accept_some(&mut self) -> io::Result<()> {
        while !self.is_full() {
            let Some((stream, peer)) = self.listener.accept()? else {
                self.waiting = false;
                return Ok(());
            };
            let number = stats::accepted();
            let deadline = self.clock.now_ms + self.site.limits.request_ms;
            self.clients.push(Client {
                stream,
                conn: Conn::new(peer.ip().to_string(), number, deadline),
                polled: false,
                ready: false,
                stalled: false,
            });
        }
        self.waiting = true;
        Ok(())
    }

    fn expire(&mut self) {
        let full = self.is_full();
        self.each_client(|client, context, _| {
            let now = context.clock.now_ms;
            let impatient = full && client.conn.is_idle_since(now, IDLE_WHEN_FULL_MS);
            if impatient || client.conn.deadline() <= now {
                client.conn.expire(context);
            }
        });
    }

    fn write_log(&mut self) {
        if !self.lines.is_empty() {
            self.access.append(&self.lines);
            self.lines.clear();
        }
    }

    fn send(&mut self) {
        self.each_client(|client, context, _| {
            if !client.conn.out().is_empty() && (client.ready || !client.stalled) {
                client.send(context);
            }
        });
    }

    /// Takes leave of connections that are over.
    fn part(&mut self) {
        let mut at = 0;
        while let Some(client) = self.clients.get_mut(at) {
            if !client.conn.is_over() {
                at += 1;
                continue;
            }
            let stream = self.clients.swap_remove(at).stream;
            let outcome = self.closer.close(stream);
            self.no_thread(outcome);
        }
        if self.closer.waiting() > 0 {
            let outcome = self.closer.help();
            self.no_thread(outcome);
        }
    }

    fn no_thread(&self, outcome: io::Result<()>) {
        if let Err(error) = outcome {
            self.shared
                .errors
                .error(&format!("no thread to close connections: {error}"));
        }
    }
}

impl Client {
    fn read(&mut self, context: &mut Context<'_>, scratch: &mut [u8]) {
        match self.stream.read(scratch) {
            Ok(0) => self.conn.end_of_input(),
            Ok(count) => {
                let bytes = scratch.get(..count).unwrap_or_default();
                self.conn.feed(bytes, context);
            }
            Err(error) if is_passing(&error) => {}
            Err(_) => self.conn.abandon(),
        }
    }

    fn send(&mut self, context: &mut Context<'_>) {
        match self.conn.out().send(&mut self.stream) {
            Ok(true) => {
                self.stalled = !self.conn.out().is_empty();
                self.conn.sent(context);
            }
            Ok(false) => self.stalled = true,
            Err(_) => self.conn.abandon(),
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
