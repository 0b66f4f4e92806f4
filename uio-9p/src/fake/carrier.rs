//! A transport to the in-memory server that misbehaves on request.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::server::{Server, message};
use crate::error::{Errno, Error};
use crate::msg::{HEADER, Header, Rlerror};
use crate::transport::{Fill, Large, SMALL_REQUEST, Take, Ticket, Transport};
use crate::types::{Qid, Tag};

/// What becomes of a reply.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Nothing, the call is served.
    None,
    /// The server refuses with this number, without doing anything.
    Refuse(Errno),
    /// The reply ends after so many bytes, and its header still says the full size.
    Cut(usize),
    /// The reply ends after so many bytes, and its header says so.
    Shrink(usize),
    /// So many bytes come after the last field, and the header counts them.
    Grow(usize),
    /// The reply has another tag.
    Tag(u16),
    /// The reply has another type.
    Kind(u8),
    /// These bytes come instead.
    Bytes(Vec<u8>),
    /// The byte at this place, modulo the length, is changed by exclusive or.
    Flip(usize, u8),
    /// A `Rread` or `Rreaddir` with so many bytes of data comes instead.
    LongData(usize),
    /// A `Rwalk` with so many files comes instead.
    Qids(u16),
    /// A `Rreaddir` with an entry that leads to offset 1 comes instead.
    SameEntry,
    /// Nothing comes until [`Carrier::release`].
    Hold,
}

struct Slot {
    tag: Tag,
    request: Vec<u8>,
    fault: Fault,
    reply: Option<Vec<u8>>,
    detached: bool,
}

struct State {
    server: Server,
    /// Faults for requests to come, of the type given or of any.
    faults: VecDeque<(Option<u8>, Fault)>,
    slots: Vec<Option<Slot>>,
    /// Requests wait until a reply is asked for, and are then served last first.
    reorder: bool,
    in_flight: usize,
    broken: bool,
}

/// A transport to a [`Server`] of its own.
pub struct Carrier {
    state: Mutex<State>,
    freed: Condvar,
    max_message: u32,
    timeout: Duration,
}

impl Default for Carrier {
    fn default() -> Self {
        Self::new(8, 64 * 1024)
    }
}

impl Carrier {
    /// So many slots, messages up to `max_message` bytes.
    #[must_use]
    pub fn new(slots: usize, max_message: u32) -> Self {
        Self {
            state: Mutex::new(State {
                server: Server::new(),
                faults: VecDeque::new(),
                slots: (0..slots).map(|_| None).collect(),
                reorder: false,
                in_flight: 0,
                broken: false,
            }),
            freed: Condvar::new(),
            max_message,
            timeout: Duration::from_secs(5),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at, or changes, the server.
    pub fn server<R>(&self, with: impl FnOnce(&mut Server) -> R) -> R {
        with(&mut self.lock().server)
    }

    /// Lets something happen to the next request of a type, or of any.
    pub fn fault(&self, kind: Option<u8>, fault: Fault) {
        self.lock().faults.push_back((kind, fault));
    }

    /// Serves requests in flight last first from now on.
    pub fn reorder(&self) {
        self.lock().reorder = true;
    }

    /// Fails every request from now on.
    pub fn break_down(&self) {
        self.lock().broken = true;
    }

    /// Most requests in flight at a time so far.
    #[must_use]
    pub fn most_in_flight(&self) -> usize {
        self.lock().in_flight
    }

    /// Slots that are not free.
    #[must_use]
    pub fn slots_in_use(&self) -> usize {
        self.lock().slots.iter().flatten().count()
    }

    /// Faults not yet used.
    #[must_use]
    pub fn faults_left(&self) -> usize {
        self.lock().faults.len()
    }

    /// Answers what was held back.
    pub fn release(&self) {
        let mut state = self.lock();
        for index in 0..state.slots.len() {
            if let Some(slot) = &mut state.slots[index]
                && matches!(slot.fault, Fault::Hold)
            {
                slot.fault = Fault::None;
                state.serve(index);
            }
        }
    }
}

impl State {
    fn serve_all(&mut self) {
        let mut order: Vec<usize> = (0..self.slots.len()).collect();
        if self.reorder {
            order.reverse();
        }
        for index in order {
            self.serve(index);
        }
    }

    fn serve(&mut self, index: usize) {
        let Some(slot) = &mut self.slots[index] else {
            return;
        };
        if slot.reply.is_some() || matches!(slot.fault, Fault::Hold) {
            return;
        }
        let mut reply = match slot.fault {
            Fault::Refuse(errno) => {
                let ecode = errno.0.unsigned_abs();
                message(slot.tag, &Rlerror { ecode })
            }
            _ => self.server.serve(&slot.request),
        };
        spoil(&slot.fault, &mut reply);
        slot.reply = Some(reply);
    }
}

fn spoil(fault: &Fault, reply: &mut Vec<u8>) {
    match fault {
        Fault::None | Fault::Refuse(_) | Fault::Hold => return,
        Fault::Cut(len) => {
            reply.truncate(*len);
            return;
        }
        Fault::Bytes(bytes) => {
            reply.clone_from(bytes);
            return;
        }
        Fault::Flip(at, bits) => {
            let len = reply.len();
            reply[at % len] ^= bits;
            return;
        }
        Fault::LongData(len) => {
            reply.truncate(HEADER);
            reply.extend_from_slice(&(*len as u32).to_le_bytes());
            reply.resize(reply.len() + len, 0xA5);
        }
        Fault::Qids(count) => {
            reply.truncate(HEADER);
            reply.extend_from_slice(&count.to_le_bytes());
            reply.resize(reply.len() + usize::from(*count) * Qid::LEN, 0x80);
        }
        Fault::SameEntry => {
            reply.truncate(HEADER);
            reply.extend_from_slice(&25u32.to_le_bytes());
            reply.extend_from_slice(&[0; 13]);
            reply.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 8, 1, 0, b'x']);
        }
        Fault::Shrink(len) => reply.truncate(*len.max(&HEADER)),
        Fault::Grow(more) => reply.resize(reply.len() + more, 0xA5),
        Fault::Tag(tag) => reply[5..7].copy_from_slice(&tag.to_le_bytes()),
        Fault::Kind(kind) => reply[4] = *kind,
    }
    let size = (reply.len() as u32).to_le_bytes();
    reply[..4].copy_from_slice(&size);
}

impl Transport for Carrier {
    fn max_message(&self) -> u32 {
        self.max_message
    }

    fn submit(
        &self,
        tag: Tag,
        large: Large,
        may_wait: bool,
        fill: &mut Fill<'_>,
    ) -> Result<Ticket, Error> {
        let mut state = self.lock();
        let index = loop {
            if state.broken {
                return Err(Error::Broken);
            }
            if let Some(index) = state.slots.iter().position(Option::is_none) {
                break index;
            }
            let late = |slot: &Slot| slot.detached && slot.reply.is_some();
            if !may_wait || state.slots.iter().flatten().any(late) {
                return Err(Error::Busy);
            }
            if state.slots.iter().flatten().all(|slot| slot.detached) {
                return Err(Error::Timeout);
            }
            let (next, waited) = self
                .freed
                .wait_timeout(state, self.timeout)
                .unwrap_or_else(PoisonError::into_inner);
            if waited.timed_out() {
                return Err(Error::Timeout);
            }
            state = next;
        };
        let room = match large {
            Large::Request => self.max_message as usize,
            Large::Neither | Large::Reply => SMALL_REQUEST,
        };
        let mut request = vec![0xA5; room];
        let len = fill(&mut request)?;
        request.truncate(len);
        let kind = Header::of(&request)?.kind;
        let meant = |(wanted, _): &(Option<u8>, Fault)| wanted.is_none_or(|wanted| wanted == kind);
        let fault = state.faults.iter().position(meant);
        let fault = fault.and_then(|at| state.faults.remove(at));
        state.slots[index] = Some(Slot {
            tag,
            request,
            fault: fault.map_or(Fault::None, |(_, fault)| fault),
            reply: None,
            detached: false,
        });
        state.in_flight = state.in_flight.max(state.slots.iter().flatten().count());
        if !state.reorder {
            state.serve(index);
        }
        Ok(Ticket(index))
    }

    fn wait(&self, ticket: Ticket, take: &mut Take<'_>) -> Result<(), Error> {
        let mut state = self.lock();
        state.serve_all();
        let broken = state.broken;
        let Some(slot) = &mut state.slots[ticket.0] else {
            return Err(Error::Broken);
        };
        let Some(reply) = slot.reply.clone().filter(|_| !broken) else {
            slot.detached = true;
            return Err(if broken {
                Error::Broken
            } else {
                Error::Timeout
            });
        };
        drop(state);
        let result = take(&reply);
        self.lock().slots[ticket.0] = None;
        self.freed.notify_one();
        result
    }

    fn detach(&self, ticket: Ticket) {
        let mut state = self.lock();
        state.serve_all();
        if let Some(slot) = &mut state.slots[ticket.0] {
            slot.detached = true;
        }
        drop(state);
        self.freed.notify_all();
    }

    fn reclaim(&self, over: &mut dyn FnMut(Tag, &[u8])) {
        let mut state = self.lock();
        let mut replies = Vec::new();
        for entry in &mut state.slots {
            if entry
                .as_ref()
                .is_some_and(|slot| slot.detached && slot.reply.is_some())
                && let Some(slot) = entry.take()
            {
                replies.push((slot.tag, slot.reply.unwrap_or_default()));
            }
        }
        drop(state);
        self.freed.notify_all();
        for (tag, reply) in replies {
            over(tag, &reply);
        }
    }

    fn park(&self) {
        std::thread::sleep(Duration::from_millis(1));
    }

    fn unpark(&self) {}
}
