//! Closing connections.
//!
//! On Hermit, closing a socket blocks until the peer has closed its side too, without a time-out.
//! The server's loop cannot wait for that, so it hands connections over to these threads. A few are
//! enough as long as peers do their part at once. When one does not, and others wait behind it,
//! [`Closer::help`] adds threads, up to [`MOST_THREADS`]. Threads are kept.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The most threads that close. Peers that never close their side can hold up as many.
pub const MOST_THREADS: usize = 64;
/// Threads that are started without asking why.
const FEW: usize = 4;
/// Without progress for so long, more threads are needed.
const STUCK: Duration = Duration::from_millis(100);
/// Bytes of a thread's stack: it calls `close` and little else.
const STACK: usize = 64 << 10;

/// The threads that close, and what waits for them.
pub struct Closer {
    queue: Mutex<Queue>,
    more: Condvar,
    /// Connections handed over and not closed yet.
    closing: AtomicUsize,
    /// Connections handed over that no thread has taken up.
    waiting: AtomicUsize,
    /// Called on one of the threads after each connection closed.
    closed: Box<dyn Fn() + Send + Sync>,
}

struct Queue {
    streams: VecDeque<TcpStream>,
    threads: usize,
    idle: usize,
    progress: Instant,
}

impl fmt::Debug for Closer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Closer({} closing)", self.closing())
    }
}

impl Closer {
    /// Without any thread. `closed` is called on another thread after each connection closed.
    #[must_use]
    pub fn new(closed: Box<dyn Fn() + Send + Sync>) -> Self {
        Self {
            queue: Mutex::new(Queue {
                streams: VecDeque::new(),
                threads: 0,
                idle: 0,
                progress: Instant::now(),
            }),
            more: Condvar::new(),
            closing: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            closed,
        }
    }

    /// Connections that are being closed.
    #[must_use]
    pub fn closing(&self) -> usize {
        self.closing.load(Ordering::Acquire)
    }

    /// Connections that no thread has taken up, so that [`Closer::help`] may be needed.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Closes `stream` soon.
    ///
    /// # Errors
    ///
    /// When a thread was wanted and cannot be had; the connection is closed by another later.
    pub fn close(self: &Arc<Self>, stream: TcpStream) -> io::Result<()> {
        self.closing.fetch_add(1, Ordering::AcqRel);
        let mut queue = self.lock();
        if queue.streams.is_empty() {
            queue.progress = Instant::now();
        }
        queue.streams.push_back(stream);
        self.waiting.store(queue.streams.len(), Ordering::Release);
        if queue.idle >= queue.streams.len() || queue.threads >= FEW {
            self.more.notify_one();
            return Ok(());
        }
        self.start(queue)
    }

    /// Starts threads for connections that wait behind others that do not get closed. To be called
    /// now and then while some are [`waiting`](Closer::waiting).
    ///
    /// # Errors
    ///
    /// When there are no threads to be had.
    pub fn help(self: &Arc<Self>) -> io::Result<()> {
        let queue = self.lock();
        if queue.progress.elapsed() < STUCK {
            return Ok(());
        }
        let wanted = queue.streams.len().saturating_sub(queue.idle);
        let wanted = wanted.min(MOST_THREADS.saturating_sub(queue.threads));
        drop(queue);
        for _ in 0..wanted {
            self.start(self.lock())?;
        }
        Ok(())
    }

    fn start(self: &Arc<Self>, mut queue: MutexGuard<'_, Queue>) -> io::Result<()> {
        queue.threads += 1;
        drop(queue);
        let closer = Arc::clone(self);
        let spawned = thread::Builder::new()
            .name(String::from("closer"))
            .stack_size(STACK)
            .spawn(move || closer.run());
        if spawned.is_err() {
            self.lock().threads -= 1;
        }
        spawned.map(drop)
    }

    fn run(&self) {
        let _ = uio_app::thread_name(c"closer");
        let mut queue = self.lock();
        loop {
            if let Some(stream) = queue.streams.pop_front() {
                queue.progress = Instant::now();
                self.waiting.store(queue.streams.len(), Ordering::Release);
                drop(queue);
                close(stream);
                self.closing.fetch_sub(1, Ordering::AcqRel);
                (self.closed)();
                queue = self.lock();
            } else {
                queue.idle += 1;
                queue = self
                    .more
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
                queue.idle -= 1;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hermit sends everything, then FIN, and waits for the peer's.
#[cfg(target_os = "hermit")]
fn close(stream: TcpStream) {
    drop(stream);
}

/// Linux resets a connection that is closed with input unread, and the peer may lose the answer. So
/// the peer gets FIN and a moment to close its side, while its input is thrown away (RFC 9112, 9.6).
#[cfg(not(target_os = "hermit"))]
fn close(mut stream: TcpStream) {
    use std::io::Read as _;
    use std::net::Shutdown;

    const PATIENCE: Duration = Duration::from_millis(500);

    let until = Instant::now() + PATIENCE;
    let mut scrap = [0; 4096];
    if stream.shutdown(Shutdown::Write).is_err()
        || stream.set_nonblocking(false).is_err()
        || stream.set_read_timeout(Some(PATIENCE)).is_err()
    {
        return;
    }
    while Instant::now() < until && matches!(stream.read(&mut scrap), Ok(1..)) {}
}
