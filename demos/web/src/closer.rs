//! Closing connections.
//!
//! On Hermit, closing a socket blocks until the peer has closed its side too, without a time-out.
//! The server's loop cannot wait for that, so it hands connections over to these threads. There are
//! as many as close at once, up to [`MOST_THREADS`], and they are kept.

use std::collections::VecDeque;
use std::io;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

/// The most threads that close. Peers that never close their side can hold up as many.
pub const MOST_THREADS: usize = 64;
/// Bytes of a thread's stack: it calls `close` and little else.
const STACK: usize = 64 << 10;

/// The threads that close, and what waits for them.
#[derive(Debug, Default)]
pub struct Closer {
    queue: Mutex<Queue>,
    more: Condvar,
    /// Connections handed over and not closed yet.
    closing: AtomicUsize,
}

#[derive(Debug, Default)]
struct Queue {
    streams: VecDeque<TcpStream>,
    threads: usize,
    idle: usize,
}

impl Closer {
    /// Connections that are being closed.
    #[must_use]
    pub fn closing(&self) -> usize {
        self.closing.load(Ordering::Acquire)
    }

    /// Closes `stream` soon. `closed` is called on another thread each time one is.
    ///
    /// # Errors
    ///
    /// When a thread was wanted and cannot be had; the connection is closed by another later.
    pub fn close<F>(self: &Arc<Self>, stream: TcpStream, closed: F) -> io::Result<()>
    where
        F: Fn() + Send + 'static,
    {
        self.closing.fetch_add(1, Ordering::AcqRel);
        let mut queue = self.lock();
        queue.streams.push_back(stream);
        if queue.idle >= queue.streams.len() || queue.threads >= MOST_THREADS {
            self.more.notify_one();
            return Ok(());
        }
        queue.threads += 1;
        drop(queue);
        let closer = Arc::clone(self);
        let spawned = thread::Builder::new()
            .name(String::from("closer"))
            .stack_size(STACK)
            .spawn(move || closer.run(&closed));
        if spawned.is_err() {
            self.lock().threads -= 1;
        }
        spawned.map(drop)
    }

    fn run(&self, closed: &dyn Fn()) {
        let _ = uio_app::thread_name(c"closer");
        let mut queue = self.lock();
        loop {
            if let Some(stream) = queue.streams.pop_front() {
                drop(queue);
                close(stream);
                self.closing.fetch_sub(1, Ordering::AcqRel);
                closed();
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

    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
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
    use std::time::{Duration, Instant};

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
