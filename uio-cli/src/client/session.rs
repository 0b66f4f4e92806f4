//! One side of a session: requests go in, frames come out, and back. No I/O.

use std::collections::BTreeMap;

use uio_console::argv::{MAX_ARG, MAX_ARGS};
use uio_console::frame::{self, Deframer};
use uio_console::record::Record;
use uio_console::{
    FromGuest, MAX_DATA, MAX_FRAME, MAX_PAYLOAD, PROTOCOL_VERSION, Policy, RequestId, Terms,
    ToGuest, cost,
};

use super::hello::GuestInfo;
use crate::error::{Error, Result};

/// Payload bytes of output that a request may have on its way.
pub const CREDIT: u32 = 128 * 1024;

/// Credit is renewed in pieces of at least this many payload bytes.
const RENEWAL: u32 = CREDIT / 4;

/// A session, from the host's side.
pub struct Session {
    deframer: Box<Deframer>,
    guest: Option<GuestInfo>,
    outgoing: Vec<u8>,
    requests: BTreeMap<RequestId, Request>,
    next_id: u32,
    policy: Policy,
}

#[derive(Default)]
struct Request {
    /// Payload bytes that came since credit was last renewed.
    spent: u32,
    /// Bytes of standard input that may be sent.
    stdin: u64,
    stdin_ended: bool,
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

impl Session {
    /// A session whose hello waits to be sent.
    #[must_use]
    pub fn new() -> Self {
        let mut session = Self {
            deframer: Box::default(),
            guest: None,
            outgoing: Vec::new(),
            requests: BTreeMap::new(),
            next_id: 1,
            policy: Policy::Full,
        };
        session.push(&ToGuest::Hello {
            version: PROTOCOL_VERSION,
        });
        session
    }

    /// What the guest said of itself, once it has.
    #[must_use]
    pub fn guest(&self) -> Option<&GuestInfo> {
        self.guest.as_ref()
    }

    /// What programs of this session may do at most.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// Lowers what programs of this session may do. Nothing raises it again.
    pub fn lower(&mut self, policy: Policy) {
        self.policy = self.policy.min(policy);
    }

    /// Asks for a command.
    ///
    /// # Errors
    /// [`Error::Usage`] when the arguments cannot be sent: none, too many or too long ones, or one
    /// with a zero byte.
    pub fn exec(&mut self, argv: &[Vec<u8>]) -> Result<RequestId> {
        self.request(argv, false)
    }

    /// Asks for a command that tells its number first, as a [`Record::Job`].
    ///
    /// # Errors
    /// As [`Self::exec`].
    pub fn exec_announced(&mut self, argv: &[Vec<u8>]) -> Result<RequestId> {
        self.request(argv, true)
    }

    fn request(&mut self, argv: &[Vec<u8>], announce: bool) -> Result<RequestId> {
        let encoded = encode_argv(argv)?;
        let id = self.free_id();
        let sent = self.push(&ToGuest::Exec {
            id,
            credit: CREDIT,
            terms: Terms {
                policy: self.policy,
                announce,
                fresh: None,
            },
            argv: &encoded,
        });
        if !sent {
            return Err(Error::Usage(format!(
                "the command line has {} bytes, more than the {MAX_PAYLOAD} that fit a frame",
                encoded.len()
            )));
        }
        self.requests.insert(id, Request::default());
        Ok(id)
    }

    fn free_id(&mut self) -> RequestId {
        loop {
            let id = RequestId(self.next_id);
            self.next_id = self.next_id.checked_add(1).unwrap_or(1);
            if !self.requests.contains_key(&id) {
                return id;
            }
        }
    }

    /// Bytes of standard input that may be sent for a request now.
    #[must_use]
    pub fn stdin_room(&self, id: RequestId) -> usize {
        self.requests
            .get(&id)
            .filter(|request| !request.stdin_ended)
            .map_or(0, |request| request.stdin.min(MAX_DATA as u64) as usize)
    }

    /// Sends standard input, as much of it as there is room for; returns how many bytes went.
    pub fn stdin(&mut self, id: RequestId, data: &[u8]) -> usize {
        let count = self.stdin_room(id).min(data.len());
        if count == 0 {
            return 0;
        }
        if let Some(request) = self.requests.get_mut(&id) {
            request.stdin -= count as u64;
        }
        let data = &data[..count];
        self.push(&ToGuest::Stdin { id, data });
        count
    }

    /// Ends the standard input of a request.
    pub fn stdin_end(&mut self, id: RequestId) {
        let Some(request) = self.requests.get_mut(&id) else {
            return;
        };
        if !std::mem::replace(&mut request.stdin_ended, true) {
            self.push(&ToGuest::StdinEnd { id });
        }
    }

    /// Ends a request early; its `Exit` still comes.
    pub fn interrupt(&mut self, id: RequestId) {
        if self.requests.contains_key(&id) {
            self.push(&ToGuest::Interrupt { id });
        }
    }

    /// What waits to be sent.
    #[must_use]
    pub fn outgoing(&self) -> &[u8] {
        &self.outgoing
    }

    /// So many bytes of [`Self::outgoing`] were sent.
    pub fn sent(&mut self, count: usize) {
        self.outgoing.drain(..count.min(self.outgoing.len()));
    }

    /// Takes in bytes that came, and calls `each` with every message among them.
    ///
    /// # Errors
    /// [`Error::Closed`] when the other side closed the session, [`Error::Protocol`] when what it
    /// sent is not the protocol.
    pub fn receive(
        &mut self,
        mut bytes: &[u8],
        each: &mut dyn FnMut(&FromGuest<'_>),
    ) -> Result<()> {
        let mut deframer = std::mem::take(&mut self.deframer);
        let mut result = Ok(());
        while !bytes.is_empty() && result.is_ok() {
            let (used, item) = deframer.next(bytes);
            bytes = &bytes[used..];
            result = match item {
                None => Ok(()),
                Some(Ok(payload)) => self.payload(payload, each),
                Some(Err(_)) => Err(Error::Protocol("a damaged frame")),
            };
        }
        self.deframer = deframer;
        result
    }

    fn payload(&mut self, payload: &[u8], each: &mut dyn FnMut(&FromGuest<'_>)) -> Result<()> {
        let message: FromGuest<'_> = frame::decode_payload(payload)
            .map_err(|_| Error::Protocol("a frame that is no message"))?;
        match message {
            FromGuest::Hello(hello) => self.guest = Some(GuestInfo::from(&hello)),
            FromGuest::Record { id, record } => {
                if let Record::Policy { session, .. } = record
                    && self.requests.contains_key(&id)
                {
                    self.lower(session);
                }
                self.output(id, payload.len());
            }
            FromGuest::Stdout { id, .. }
            | FromGuest::Stderr { id, .. }
            | FromGuest::Failure { id, .. } => self.output(id, payload.len()),
            FromGuest::Credit { id, bytes } => {
                if let Some(request) = self.requests.get_mut(&id) {
                    request.stdin = request.stdin.saturating_add(u64::from(bytes));
                }
            }
            FromGuest::Exit { id, .. } => {
                self.requests.remove(&id);
            }
            FromGuest::Closed { reason } => return Err(Error::Closed(reason)),
        }
        each(&message);
        Ok(())
    }

    /// Output came; renews credit when enough of it was spent.
    fn output(&mut self, id: RequestId, payload: usize) {
        let Some(request) = self.requests.get_mut(&id) else {
            return;
        };
        // At most a frame's length.
        request.spent = request.spent.saturating_add(cost(payload));
        if request.spent >= RENEWAL {
            let bytes = std::mem::take(&mut request.spent);
            self.push(&ToGuest::Credit { id, bytes });
        }
    }

    /// Queues a message; false when it does not fit a frame.
    fn push(&mut self, message: &ToGuest<'_>) -> bool {
        let start = self.outgoing.len();
        self.outgoing.resize(start + MAX_FRAME, 0);
        let encoded = frame::encode(message, &mut self.outgoing[start..]);
        self.outgoing.truncate(start + encoded.unwrap_or(0));
        encoded.is_ok()
    }
}

/// Arguments as they go on the wire, checked against the protocol's limits so that a command line
/// that cannot work is refused here, by name.
fn encode_argv(argv: &[Vec<u8>]) -> Result<Vec<u8>> {
    if argv.is_empty() {
        return Err(Error::Usage("no command was given".to_owned()));
    }
    if argv.len() > MAX_ARGS {
        return Err(Error::Usage(format!(
            "the command line has {} words, a guest takes {MAX_ARGS}",
            argv.len()
        )));
    }
    let mut encoded = Vec::new();
    for (index, arg) in argv.iter().enumerate() {
        if arg.len() > MAX_ARG {
            return Err(Error::Usage(format!(
                "word {} of the command line has {} bytes, a guest takes {MAX_ARG}",
                index + 1,
                arg.len()
            )));
        }
        if arg.contains(&0) {
            return Err(Error::Usage(format!(
                "word {} of the command line contains a zero byte",
                index + 1
            )));
        }
        encoded.extend_from_slice(arg);
        encoded.push(0);
    }
    Ok(encoded)
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
