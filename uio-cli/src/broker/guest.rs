//! What is known of the guest, and of the requests that are open there.

use std::collections::BTreeMap;

use serde::Serialize;
use uio_console::message::CloseReason;
use uio_console::{Hello, MAX_PAYLOAD, RequestId, frame};

/// A client's number; never used twice by one broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

/// The session with the guest.
#[derive(Debug)]
pub enum Session {
    /// Its hello has not come yet. So many hellos of ours are unanswered.
    Greeting(u32),
    /// It is open. Holds the payload of the guest's hello.
    Open(Vec<u8>),
    /// The guest refuses to talk, for this reason.
    Refused(CloseReason),
}

/// A request that is open at the guest.
#[derive(Debug)]
pub struct Request {
    /// Whose it is; `None` once its client has gone.
    pub owner: Option<ClientId>,
    /// The client's own name for it.
    pub name: RequestId,
    /// Payload bytes that the client allowed and that were not passed on to the guest yet.
    pub allowed: u64,
    /// Payload bytes that the guest may still send.
    pub granted: u64,
    /// Payload bytes that wait in the client's queue.
    pub queued: u64,
    /// Bytes of standard input that the client may still send.
    pub stdin: u64,
    /// The client ended its standard input.
    pub stdin_ended: bool,
    /// The guest was told to interrupt it.
    pub interrupted: bool,
    /// Its `Exit` has come and waits in the client's queue.
    pub ended: bool,
}

/// The open requests, by the identifiers that the guest knows them by.
#[derive(Debug, Default)]
pub struct Requests(BTreeMap<u32, Request>);

impl Requests {
    /// A free identifier that takes as many bytes on the wire as `name` does, so that a message
    /// is as long for the guest as it is for the client, and one that fits a frame on one side
    /// fits on the other. `None` when all of them are in use.
    #[must_use]
    pub fn free_id(&self, name: RequestId) -> Option<u32> {
        // postcard: seven bits a byte.
        let (first, last) = match name.0 {
            0..=0x7f => (0, 0x7f),
            0x80..=0x3fff => (0x80, 0x3fff),
            0x4000..=0x1f_ffff => (0x4000, 0x1f_ffff),
            0x20_0000..=0xfff_ffff => (0x20_0000, 0xfff_ffff),
            0x1000_0000.. => (0x1000_0000, u32::MAX),
        };
        (first..=last).find(|id| !self.0.contains_key(id))
    }

    /// Adds a request.
    pub fn insert(&mut self, id: u32, request: Request) {
        self.0.insert(id, request);
    }

    /// Removes a request.
    pub fn remove(&mut self, id: u32) -> Option<Request> {
        self.0.remove(&id)
    }

    /// The request of that identifier.
    #[must_use]
    pub fn get_mut(&mut self, id: u32) -> Option<&mut Request> {
        self.0.get_mut(&id)
    }

    /// The request that `owner` calls `name`.
    #[must_use]
    pub fn named(&self, owner: ClientId, name: RequestId) -> Option<u32> {
        self.0
            .iter()
            .find(|(_, request)| request.owner == Some(owner) && request.name == name)
            .map(|(&id, _)| id)
    }

    /// Identifiers of the requests of `owner`.
    #[must_use]
    pub fn of(&self, owner: ClientId) -> Vec<u32> {
        self.0
            .iter()
            .filter(|(_, request)| request.owner == Some(owner))
            .map(|(&id, _)| id)
            .collect()
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Keeps a hello for longer than the buffer it came in.
#[must_use]
pub fn keep_hello(hello: &Hello<'_>) -> Option<Vec<u8>> {
    keep(hello)
}

/// Reads a hello that [`keep_hello`] kept.
#[must_use]
pub fn kept_hello(payload: &[u8]) -> Option<Hello<'_>> {
    frame::decode_payload(payload).ok()
}

fn keep<T: Serialize>(message: &T) -> Option<Vec<u8>> {
    let mut payload = vec![0; MAX_PAYLOAD];
    let len = frame::encode_payload(message, &mut payload).ok()?;
    payload.truncate(len);
    Some(payload)
}
