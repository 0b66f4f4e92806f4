//! Accepting connections.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};

use crate::sys;

/// The socket that connections come from; never blocks.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    port: u16,
    backlog: i32,
    /// How often in a row it was ready and had nothing.
    barren: u32,
}

/// So many times cannot be chance.
const BROKEN: u32 = 8;

impl Listener {
    /// Listens on `port` of every address; port 0 is any free one. On Hermit, `backlog` connections
    /// can wait; those beyond are refused.
    ///
    /// # Errors
    ///
    /// When there is no network, or the port is taken.
    pub fn bind(port: u16, backlog: i32) -> io::Result<Self> {
        let socket = sys::listen(port, backlog)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            port,
            backlog,
            barren: 0,
        })
    }

    /// The port; on Hermit, which does not tell it before there is a connection, the one wanted.
    #[must_use]
    pub fn port(&self) -> u16 {
        if self.port != 0 {
            return self.port;
        }
        self.socket.local_addr().map_or(0, |address| address.port())
    }

    /// What to poll for input.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// The next connection, or none.
    ///
    /// # Errors
    ///
    /// When there is one and it cannot be had, for want of descriptors for instance.
    pub fn accept(&mut self) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        match self.socket.accept() {
            Ok((stream, peer)) => {
                self.barren = 0;
                stream.set_nonblocking(true)?;
                Ok(Some((stream, peer)))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionAborted | ErrorKind::Interrupted
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The socket was ready, and had nothing.
    ///
    /// In Hermit 0.11 a connection that the peer resets before it is accepted leaves a dead entry
    /// in the listening socket, for good: it makes the socket ready for ever, and the backlog
    /// shorter by one. A new listening socket is the cure.
    ///
    /// # Errors
    ///
    /// When a new socket was needed and cannot be had.
    pub fn had_nothing(&mut self) -> io::Result<()> {
        self.barren = self.barren.saturating_add(1);
        if cfg!(target_os = "hermit") && self.barren >= BROKEN {
            let socket = sys::listen(self.port, self.backlog)?;
            socket.set_nonblocking(true)?;
            self.socket = socket;
            self.barren = 0;
        }
        Ok(())
    }
}
