//! Descriptors that never block.

use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

pub(super) fn interest(reads: bool, writes: bool) -> PollFlags {
    let mut flags = PollFlags::empty();
    flags.set(PollFlags::IN, reads);
    flags.set(PollFlags::OUT, writes);
    flags
}

pub(super) fn hung_up(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::empty())];
    let zero = Timespec::default();
    poll(&mut fds, Some(&zero)).is_ok()
        && fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
}

pub(super) fn nonblocking<F: AsFd>(fd: &F) -> io::Result<()> {
    Ok(fcntl_setfl(fd, fcntl_getfl(fd)? | OFlags::NONBLOCK)?)
}

pub(super) enum Incoming {
    Bytes(usize),
    Later,
    End,
}

pub(super) fn read(from: &mut impl Read, buffer: &mut [u8]) -> Incoming {
    match from.read(buffer) {
        Ok(0) => Incoming::End,
        Ok(count) => Incoming::Bytes(count),
        Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Incoming::Later
        }
        Err(_) => Incoming::End,
    }
}
