//! The clients' connections.

use std::io::{ErrorKind, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::time::Instant;

use super::{ClientId, Connection, Incoming, MAX_CLIENTS, Server, hung_up, read};

impl Server<'_> {
    pub(super) fn accept(&mut self) {
        while self.clients.len() < MAX_CLIENTS {
            let Ok((stream, _)) = self.listener.accept() else {
                return;
            };
            if stream.set_nonblocking(true).is_ok() {
                let connection = Connection {
                    stream,
                    closing: None,
                    finished: false,
                };
                self.clients.insert(self.mux.connect(), connection);
            }
        }
    }

    pub(super) fn client(&mut self, id: ClientId) {
        let Some(connection) = self.clients.get_mut(&id) else {
            return;
        };
        let closing = self.mux.is_closing(id);
        if !closing && !self.mux.reads_from(id) {
            // Nothing was to be read, so `poll` reported room, or that the client has gone.
            if hung_up(connection.stream.as_fd()) {
                self.drop_client(id);
            }
            return;
        }
        let mut buffer = [0; 8 * 1024];
        match read(&mut connection.stream, &mut buffer) {
            Incoming::Bytes(_) if closing => {}
            Incoming::Bytes(count) => self.mux.from_client(id, &buffer[..count]),
            Incoming::Later => {}
            Incoming::End => self.drop_client(id),
        }
    }

    pub(super) fn drop_client(&mut self, id: ClientId) {
        self.mux.disconnect(id);
        self.clients.remove(&id);
    }

    pub(super) fn flush_clients(&mut self) {
        let ids: Vec<ClientId> = self.clients.keys().copied().collect();
        for id in ids {
            if !self.flush_client(id) {
                self.drop_client(id);
            } else if self.mux.is_closing(id)
                && let Some(connection) = self.clients.get_mut(&id)
            {
                connection.closing.get_or_insert_with(Instant::now);
                if self.mux.is_done(id) && !std::mem::replace(&mut connection.finished, true) {
                    let _ = connection.stream.shutdown(Shutdown::Write);
                }
            }
        }
    }

    /// Writes what there is room for; false when the client has gone.
    pub(super) fn flush_client(&mut self, id: ClientId) -> bool {
        let Some(connection) = self.clients.get_mut(&id) else {
            return true;
        };
        while let [_, ..] = self.mux.client_output(id) {
            match connection.stream.write(self.mux.client_output(id)) {
                Ok(count) => self.mux.client_sent(id, count),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => return false,
            }
        }
        true
    }
}
