//! Running a command for somebody at a terminal: standard input and Ctrl-C are forwarded.

use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use uio_console::{FromGuest, MAX_DATA, RequestId};

use super::{Client, wait};
use crate::error::{Error, Result};

/// How long an interrupted request has to end.
const INTERRUPT_GRACE: Duration = Duration::from_secs(5);

/// Standard input that can be waited for.
pub trait Input: Read + AsFd {}
impl<T: Read + AsFd> Input for T {}

/// This process's standard input, without a buffer of its own that `poll` would not know of.
#[derive(Debug, Default)]
pub struct Stdin;

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        Ok(rustix::io::read(rustix::stdio::stdin(), buffer)?)
    }
}

impl AsFd for Stdin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        rustix::stdio::stdin()
    }
}

/// What a driven request needs besides its client.
pub struct Drive<'a> {
    /// Standard input; `None` ends it at once.
    pub stdin: Option<&'a mut dyn Input>,
    /// Becomes readable when the operator presses Ctrl-C.
    pub interrupts: Option<&'a mut UnixStream>,
    /// The request is interrupted after this long.
    pub timeout: Option<Duration>,
    /// The request's first message is to be its job's record.
    pub announce: bool,
}

/// How a driven request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With its own status.
    Status(i32),
    /// It was interrupted by the operator; its status followed, if it came in time.
    Interrupted(Option<i32>),
    /// Its time was up.
    TimedOut,
}

struct Driving {
    id: RequestId,
    status: Option<i32>,
    interrupted: Option<Instant>,
    timed_out: bool,
}

/// Runs `argv` and calls `each` with every message of it, until it ends. Once `each` returns false,
/// the request is interrupted: nobody wants its output any more.
///
/// # Errors
/// See [`Client::step`] and [`super::Session::exec`].
pub fn drive(
    client: &mut Client,
    argv: &[Vec<u8>],
    mut with: Drive<'_>,
    each: &mut dyn FnMut(&FromGuest<'_>) -> bool,
) -> Result<Ending> {
    let id = match with.announce {
        true => client.session().exec_announced(argv)?,
        false => client.session().exec(argv)?,
    };
    if with.stdin.is_none() {
        client.session().stdin_end(id);
    }
    let deadline = with.timeout.map(|timeout| Instant::now() + timeout);
    let mut state = Driving {
        id,
        status: None,
        interrupted: None,
        timed_out: false,
    };
    loop {
        client.flush()?;
        step(client, &mut with, &mut state, deadline, each)?;
        if let Some(status) = state.status {
            return Ok(match (state.timed_out, state.interrupted) {
                (true, _) => Ending::TimedOut,
                (false, Some(_)) => Ending::Interrupted(Some(status)),
                (false, None) => Ending::Status(status),
            });
        }
        let now = Instant::now();
        if deadline.is_some_and(|deadline| now >= deadline) && state.interrupted.is_none() {
            state.timed_out = true;
            state.interrupted = Some(now);
            client.session().interrupt(id);
        }
        if state
            .interrupted
            .is_some_and(|since| now >= since + INTERRUPT_GRACE)
        {
            return Ok(if state.timed_out {
                Ending::TimedOut
            } else {
                Ending::Interrupted(None)
            });
        }
    }
}

fn step(
    client: &mut Client,
    with: &mut Drive<'_>,
    state: &mut Driving,
    deadline: Option<Instant>,
    each: &mut dyn FnMut(&FromGuest<'_>) -> bool,
) -> Result<()> {
    // Nothing is read that the guest did not ask for, so that a command without input leaves the
    // standard input of a script alone.
    let reads_stdin = with.stdin.is_some() && client.session().stdin_room(state.id) > 0;
    let grace = state.interrupted.map(|since| since + INTERRUPT_GRACE);
    let next = if grace.is_some() { grace } else { deadline };
    let timeout =
        next.map(|at| at.saturating_duration_since(Instant::now()) + Duration::from_millis(1));
    let (came, stdin_ready, interrupt) = {
        let mut fds = vec![PollFd::from_borrowed_fd(client.as_fd(), client.interest())];
        let stdin_at = with.stdin.as_ref().filter(|_| reads_stdin).map(|stdin| {
            fds.push(PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN));
            fds.len() - 1
        });
        let interrupts_at = with.interrupts.as_ref().map(|interrupts| {
            fds.push(PollFd::from_borrowed_fd(interrupts.as_fd(), PollFlags::IN));
            fds.len() - 1
        });
        wait(&mut fds, timeout)?;
        let ready = |at: Option<usize>| at.is_some_and(|at| !fds[at].revents().is_empty());
        (ready(Some(0)), ready(stdin_at), ready(interrupts_at))
    };
    if interrupt && let Some(interrupts) = &mut with.interrupts {
        let mut bytes = [0; 16];
        let count = interrupts.read(&mut bytes).unwrap_or(0);
        if count > 0 && state.interrupted.is_none() {
            state.interrupted = Some(Instant::now());
            client.session().interrupt(state.id);
        }
    }
    if stdin_ready {
        read_stdin(client, with, state)?;
    }
    if came {
        client.flush()?;
        let mut wanted = true;
        client.receive(&mut |message| {
            match message {
                FromGuest::Exit { id, status } if *id == state.id => state.status = Some(*status),
                _ => {}
            }
            wanted &= each(message);
        })?;
        if !wanted && state.interrupted.is_none() {
            state.interrupted = Some(Instant::now());
            client.session().interrupt(state.id);
        }
    }
    Ok(())
}

fn read_stdin(client: &mut Client, with: &mut Drive<'_>, state: &Driving) -> Result<()> {
    let Some(stdin) = &mut with.stdin else {
        return Ok(());
    };
    let mut buffer = [0; MAX_DATA];
    let room = client.session().stdin_room(state.id);
    match stdin.read(&mut buffer[..room]) {
        Ok(0) => {
            client.session().stdin_end(state.id);
            with.stdin = None;
        }
        Ok(count) => {
            client.session().stdin(state.id, &buffer[..count]);
        }
        Err(e)
            if matches!(
                e.kind(),
                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::Interrupted
            ) => {}
        Err(e) => return Err(Error::io("read standard input", e)),
    }
    Ok(())
}
