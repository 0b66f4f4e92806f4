//! Many sessions over one console. No I/O happens here: bytes come in, queues fill.
//!
//! Credits go end to end: what a client allows is passed on to the guest, up to a [`WINDOW`] that
//! bounds what can wait here. A client that does not read uses its window up and stalls alone.

use std::collections::BTreeMap;

use uio_console::frame::{self, Deframer};
use uio_console::message::CloseReason;
use uio_console::record::Failure;
use uio_console::{
    Error, FromGuest, Hello, MAX_PAYLOAD, PROTOCOL_VERSION, Policy, RequestId, ToGuest, cost,
};

use super::fresh::Files;
use super::guest::{ClientId, Request, Requests, Session, keep_hello, kept_hello};
use super::queue::{About, Queue};

/// Bytes of credit of one request that are on their way to a client: at the guest's disposal, or
/// waiting here.
///
/// QEMU drops what a `virtconsole` sends when its socket is full, so all that the guest may send at once
/// has to fit there. Of a socket's memory a frame takes at most twice what it costs, so that 16 requests
/// take 352 KiB, of the 416 KiB that any user may ask for on Linux ([`CONSOLE_BUFFER`]).
pub const WINDOW: u64 = 11 * 1024;

/// Bytes to ask for as the buffer of the console's socket; Linux doubles what it grants.
pub const CONSOLE_BUFFER: usize = 208 * 1024;

/// A client whose queue holds this many bytes is not read from until it has read some itself.
pub const QUEUE_HIGH: usize = 64 * 1024;

/// A client whose queue holds this many bytes is cut off. Only a guest that ignores the credits
/// it was given can bring that about.
pub const QUEUE_LIMIT: usize = 16 * 1024 * 1024;

/// No client is read from while this many bytes wait for the guest.
pub const GUEST_HIGH: usize = 64 * 1024;

/// Status of a request that the guest had no room for.
const STATUS_BUSY: i32 = 1;

/// All sessions of a VM.
pub struct Mux {
    session: Session,
    deframer: Box<Deframer>,
    to_guest: Queue,
    requests: Requests,
    clients: BTreeMap<ClientId, Client>,
    next_client: u64,
    /// Where the guest mounts the share.
    mount: Vec<u8>,
    /// The share's files, as far as they are known.
    files: Option<Box<dyn Files>>,
    notes: Vec<String>,
    /// A session with the guest was lost.
    restarted: bool,
}

struct Client {
    deframer: Box<Deframer>,
    queue: Queue,
    state: State,
    /// The lowest policy that it asked for.
    policy: Policy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No hello has come.
    New,
    /// A hello has come; it is answered when the guest has answered ours.
    Waiting,
    /// The session is open.
    Open,
    /// The session was closed; the connection is, once the queue is empty.
    Closing,
}

impl Default for Mux {
    fn default() -> Self {
        Self::new()
    }
}

impl Mux {
    /// A mux whose hello waits to be sent to the guest.
    #[must_use]
    pub fn new() -> Self {
        let mut mux = Self {
            session: Session::Greeting(0),
            deframer: Box::default(),
            to_guest: Queue::default(),
            requests: Requests::default(),
            clients: BTreeMap::new(),
            next_client: 0,
            mount: Vec::new(),
            files: None,
            notes: Vec::new(),
            restarted: false,
        };
        mux.greet();
        mux
    }

    /// From now on the guest hears what the files that it is to run are like.
    pub fn watch(&mut self, files: Box<dyn Files>) {
        self.files = Some(files);
    }

    /// What the guest said of itself, once it has.
    #[must_use]
    pub fn guest(&self) -> Option<Hello<'_>> {
        match &self.session {
            Session::Open(payload) => kept_hello(payload),
            Session::Greeting(_) | Session::Refused(_) => None,
        }
    }

    /// A client has connected.
    pub fn connect(&mut self) -> ClientId {
        let id = ClientId(self.next_client);
        self.next_client += 1;
        let client = Client {
            deframer: Box::default(),
            queue: Queue::default(),
            state: State::New,
            policy: Policy::Full,
        };
        self.clients.insert(id, client);
        id
    }

    /// A client has gone: its requests are interrupted, and what still comes for them is dropped.
    pub fn disconnect(&mut self, id: ClientId) {
        self.abandon(id);
        self.clients.remove(&id);
    }

    /// Bytes came from a client.
    pub fn from_client(&mut self, id: ClientId, mut bytes: &[u8]) {
        // The deframer lends out payloads, so it is taken out of the client for the while.
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let mut deframer = std::mem::take(&mut client.deframer);
        while !bytes.is_empty() && !self.is_closing(id) {
            let (used, item) = deframer.next(bytes);
            bytes = &bytes[used..];
            let message = match item {
                None => continue,
                Some(Ok(payload)) => frame::decode_payload::<ToGuest<'_>>(payload),
                Some(Err(e)) => Err(e),
            };
            match message {
                Ok(message) => self.client_message(id, &message),
                Err(Error::Oversized) => self.close(id, CloseReason::Oversized),
                Err(_) => self.close(id, CloseReason::Malformed),
            }
        }
        if let Some(client) = self.clients.get_mut(&id) {
            client.deframer = deframer;
        }
    }

    /// Bytes came from the guest.
    pub fn from_guest(&mut self, mut bytes: &[u8]) {
        let mut deframer = std::mem::take(&mut self.deframer);
        while !bytes.is_empty() {
            let (used, item) = deframer.next(bytes);
            bytes = &bytes[used..];
            let message = match item {
                None => continue,
                Some(Ok(payload)) => frame::decode_payload::<FromGuest<'_>>(payload)
                    .map(|message| (message, u64::from(cost(payload.len())))),
                Some(Err(e)) => Err(e),
            };
            match message {
                Ok((message, price)) => self.guest_message(&message, price),
                Err(_) => self.guest_is_garbled(),
            }
        }
        self.deframer = deframer;
    }

    /// What to write to the guest next.
    #[must_use]
    pub fn guest_output(&self) -> &[u8] {
        self.to_guest.head()
    }

    /// So many bytes of [`Self::guest_output`] were written.
    pub fn guest_sent(&mut self, count: usize) {
        self.to_guest.advance(count);
    }

    /// What to write to a client next.
    #[must_use]
    pub fn client_output(&self, id: ClientId) -> &[u8] {
        self.clients
            .get(&id)
            .map(|client| client.queue.head())
            .unwrap_or_default()
    }

    /// So many bytes of [`Self::client_output`] were written.
    pub fn client_sent(&mut self, id: ClientId, count: usize) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        match client.queue.advance(count) {
            Some(About::Output { request, cost }) => {
                if let Some(open) = self.requests.get_mut(request) {
                    open.queued = open.queued.saturating_sub(cost);
                }
                self.renew(request);
            }
            Some(About::End { request }) => {
                self.requests.remove(request);
            }
            Some(About::Nothing) | None => {}
        }
    }

    /// Whether bytes of this client should be read now.
    #[must_use]
    pub fn reads_from(&self, id: ClientId) -> bool {
        self.to_guest.len() < GUEST_HIGH
            && self.clients.get(&id).is_some_and(|client| {
                client.state != State::Closing && client.queue.len() < QUEUE_HIGH
            })
    }

    /// Whether the connection of this client is to be closed now.
    #[must_use]
    pub fn is_done(&self, id: ClientId) -> bool {
        self.clients
            .get(&id)
            .is_none_or(|client| client.state == State::Closing && client.queue.is_empty())
    }

    /// Whether the session of this client is over.
    #[must_use]
    pub fn is_closing(&self, id: ClientId) -> bool {
        self.clients
            .get(&id)
            .is_none_or(|client| client.state == State::Closing)
    }

    /// Whether the guest's overlay has answered.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.session, Session::Open(_))
    }

    /// Requests that the guest has, those of clients that went away included.
    #[must_use]
    pub fn open_requests(&self) -> usize {
        self.requests.len()
    }

    /// What happened that an operator may want to know, since the last call.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// Whether to say hello once more if the guest goes on saying nothing: always after a session was lost, and a few
    /// times after the start, when there may be no overlay to answer.
    #[must_use]
    pub fn may_greet_again(&self) -> bool {
        const GREETINGS: u32 = 6;
        matches!(self.session, Session::Greeting(count) if self.restarted || count < GREETINGS)
    }

    /// Says hello once more, as the last one may have been lost with whatever garbled the session.
    pub fn greet_again(&mut self) {
        if self.to_guest.is_empty() {
            if self.restarted {
                self.session = Session::Greeting(0);
            }
            self.greet();
        }
    }

    /// Opens a session with the guest. The empty frame before it ends whatever was cut off.
    fn greet(&mut self) {
        let waiting = match self.session {
            Session::Greeting(count) => count,
            Session::Open(_) | Session::Refused(_) => 0,
        };
        self.session = Session::Greeting(waiting + 1);
        self.to_guest.push_bytes(vec![0], About::Nothing);
        self.tell_guest(&ToGuest::Hello {
            version: PROTOCOL_VERSION,
        });
    }

    /// Queues a message of fixed size for the guest.
    fn tell_guest(&mut self, message: &ToGuest<'_>) {
        // These always fit: only `Exec` has a length of its own, and it is checked where it comes.
        let _ = self.to_guest.push(message, About::Nothing);
    }

    fn close(&mut self, id: ClientId, reason: CloseReason) {
        self.notes
            .push(format!("session {} closed: {reason:?}", id.0));
        self.abandon(id);
        if let Some(client) = self.clients.get_mut(&id) {
            client.state = State::Closing;
            let _ = client
                .queue
                .push(&FromGuest::Closed { reason }, About::Nothing);
        }
    }

    /// Leaves the requests of a client to end by themselves.
    fn abandon(&mut self, id: ClientId) {
        let ids = self.requests.of(id);
        for &request in &ids {
            self.orphan(request);
        }
        if let Some(client) = self.clients.get_mut(&id) {
            client.queue.forget(&ids);
        }
    }

    fn orphan(&mut self, id: u32) {
        let Some(request) = self.requests.get_mut(id) else {
            return;
        };
        if request.ended {
            self.requests.remove(id);
            return;
        }
        request.owner = None;
        request.queued = 0;
        let first = !std::mem::replace(&mut request.interrupted, true);
        if first {
            self.tell_guest(&ToGuest::Interrupt { id: RequestId(id) });
        }
        self.renew(id);
    }

    /// Passes credit on to the guest, in pieces worth a message.
    fn renew(&mut self, id: u32) {
        let Some(request) = self.requests.get_mut(id) else {
            return;
        };
        if request.ended {
            return;
        }
        if request.owner.is_none() {
            // Nobody counts what a request without a client sends.
            request.allowed = WINDOW;
        }
        let room = WINDOW.saturating_sub(request.granted + request.queued);
        let bytes = request.allowed.min(room);
        let urgent = request.granted < u64::from(cost(MAX_PAYLOAD)) && bytes == request.allowed;
        if bytes == 0 || (bytes < WINDOW / 4 && !urgent) {
            return;
        }
        request.allowed -= bytes;
        request.granted += bytes;
        self.tell_guest(&ToGuest::Credit {
            id: RequestId(id),
            // At most a window.
            bytes: bytes as u32,
        });
    }
}

mod clients;
mod guests;

#[cfg(test)]
#[path = "mux_tests.rs"]
mod tests;
