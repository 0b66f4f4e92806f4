//! `poll` and `eventfd`, which `std` does not offer: the same two calls on Hermit and on Linux.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

#[cfg(target_os = "hermit")]
use hermit_abi as abi;
#[cfg(not(target_os = "hermit"))]
use libc as abi;

/// What is waited for, and what came of it, on one descriptor.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Interest(abi::pollfd);

impl Interest {
    /// Waits on `fd` for input, for room to write, for both or for the end only.
    pub(crate) fn new(fd: RawFd, input: bool, output: bool) -> Self {
        let mut events = 0;
        if input {
            events |= abi::POLLIN;
        }
        if output {
            events |= abi::POLLOUT;
        }
        Self(abi::pollfd {
            fd,
            events,
            revents: 0,
        })
    }

    /// Whether anything came, be it an error.
    pub(crate) fn is_ready(&self) -> bool {
        self.0.revents != 0
    }
}

impl std::fmt::Debug for Interest {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let abi::pollfd {
            fd,
            events,
            revents,
        } = self.0;
        write!(out, "Interest(fd {fd}, {events:#x} -> {revents:#x})")
    }
}

/// Sleeps until one of `interests` is ready.
///
/// There is no time-out on purpose: Hermit 0.11 takes the moment at which a sleeping `poll` is to
/// end for a duration, and so never ends it. The ticks of [`control`](crate::control) do instead.
pub(crate) fn poll(interests: &mut [Interest]) -> io::Result<()> {
    // SAFETY: `Interest` is a `pollfd` in all but name, and the slice is ours for the call.
    let status = unsafe {
        abi::poll(
            interests.as_mut_ptr().cast::<abi::pollfd>(),
            interests.len() as abi::nfds_t,
            -1,
        )
    };
    if status >= 0 {
        return Ok(());
    }
    let error = error_of(status);
    if error.kind() == io::ErrorKind::Interrupted {
        return Ok(());
    }
    Err(error)
}

/// A new event counter that `poll` can wait on.
pub(crate) fn event() -> io::Result<File> {
    // SAFETY: no pointers.
    let fd = unsafe { abi::eventfd(0, abi::EFD_SEMAPHORE | abi::EFD_NONBLOCK) };
    if fd < 0 {
        return Err(error_of(fd));
    }
    // SAFETY: the descriptor is new, so nobody else owns it.
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(fd) }))
}

/// A socket that listens on `port` of every address, with room for `backlog` connections that are
/// not accepted yet.
///
/// As `std` does, but for the backlog: Hermit makes a socket with 128 KiB of buffers for each place,
/// and looks at all of them for every packet and every system call.
#[cfg(target_os = "hermit")]
pub(crate) fn listen(port: u16, backlog: i32) -> io::Result<std::net::TcpListener> {
    // SAFETY: no pointers.
    let fd = unsafe { abi::socket(abi::AF_INET, abi::SOCK_STREAM, 0) };
    if fd < 0 {
        return Err(error_of(fd));
    }
    // SAFETY: the descriptor is new, so nobody else owns it, and it is a TCP socket.
    let listener = unsafe { std::net::TcpListener::from_raw_fd(fd) };
    let len = size_of::<abi::sockaddr_in>();
    let address = abi::sockaddr_in {
        sin_len: len as u8,
        sin_family: abi::AF_INET as abi::sa_family_t,
        sin_port: port.to_be(),
        sin_addr: abi::in_addr { s_addr: 0 },
        sin_zero: [0; 8],
    };
    // SAFETY: the address is of the length given and lives across the call.
    let status = unsafe {
        abi::bind(
            fd,
            (&raw const address).cast::<abi::sockaddr>(),
            len as abi::socklen_t,
        )
    };
    if status < 0 {
        return Err(error_of(status));
    }
    // SAFETY: no pointers.
    let status = unsafe { abi::listen(fd, backlog) };
    if status < 0 {
        return Err(error_of(status));
    }
    Ok(listener)
}

/// A socket that listens on `port` of every address; the system decides on its backlog.
#[cfg(not(target_os = "hermit"))]
pub(crate) fn listen(port: u16, _backlog: i32) -> io::Result<std::net::TcpListener> {
    std::net::TcpListener::bind((std::net::Ipv4Addr::UNSPECIFIED, port))
}

/// Hermit returns the error number itself.
#[cfg(target_os = "hermit")]
fn error_of(status: i32) -> io::Error {
    io::Error::from_raw_os_error(-status)
}

#[cfg(not(target_os = "hermit"))]
fn error_of(_status: i32) -> io::Error {
    io::Error::last_os_error()
}
