//! What clients say.

use uio_console::{Policy, Terms};

use super::*;

impl Mux {
    pub(super) fn client_message(&mut self, id: ClientId, message: &ToGuest<'_>) {
        let state = self.clients.get(&id).map_or(State::Closing, |c| c.state);
        match (message, state) {
            (_, State::Closing) => {}
            (ToGuest::Hello { version }, _) if *version != PROTOCOL_VERSION => {
                self.close(id, CloseReason::Version(PROTOCOL_VERSION));
            }
            (ToGuest::Hello { .. }, _) => {
                self.abandon(id);
                if let Some(client) = self.clients.get_mut(&id) {
                    client.state = State::Waiting;
                }
                self.answer_hello(id);
            }
            (_, State::New | State::Waiting) => self.close(id, CloseReason::NoHello),
            (message, State::Open) => self.client_request(id, message),
        }
    }

    /// Answers the hello of a client that waits, if the guest has answered ours.
    pub(super) fn answer_hello(&mut self, id: ClientId) {
        let refused = match &self.session {
            Session::Greeting(_) => return,
            Session::Refused(reason) => Some(*reason),
            Session::Open(payload) => match (kept_hello(payload), self.clients.get_mut(&id)) {
                (Some(hello), Some(client)) => {
                    client.state = State::Open;
                    let _ = client.queue.push(&FromGuest::Hello(hello), About::Nothing);
                    None
                }
                _ => None,
            },
        };
        if let Some(reason) = refused {
            self.close(id, reason);
        }
    }

    fn client_request(&mut self, client: ClientId, message: &ToGuest<'_>) {
        let name = match *message {
            ToGuest::Hello { .. } => return,
            ToGuest::Exec {
                id,
                credit,
                terms,
                argv,
            } => return self.exec(client, id, credit, terms, argv),
            ToGuest::Stdin { id, .. }
            | ToGuest::StdinEnd { id }
            | ToGuest::Credit { id, .. }
            | ToGuest::Interrupt { id } => id,
        };
        // A message for a request that has just ended is no fault: it crossed the `Exit`.
        let Some(id) = self.requests.named(client, name) else {
            return;
        };
        let Some(request) = self.requests.get_mut(id).filter(|r| !r.ended) else {
            return;
        };
        match *message {
            ToGuest::Stdin { data, .. } => {
                let len = data.len() as u64;
                if request.stdin_ended || len > request.stdin {
                    return self.close(client, CloseReason::Overrun);
                }
                request.stdin -= len;
                let id = RequestId(id);
                self.tell_guest(&ToGuest::Stdin { id, data });
            }
            ToGuest::StdinEnd { .. } => {
                if !std::mem::replace(&mut request.stdin_ended, true) {
                    self.tell_guest(&ToGuest::StdinEnd { id: RequestId(id) });
                }
            }
            ToGuest::Credit { bytes, .. } => {
                request.allowed = request.allowed.saturating_add(u64::from(bytes));
                self.renew(id);
            }
            ToGuest::Interrupt { .. } => {
                if !std::mem::replace(&mut request.interrupted, true) {
                    self.tell_guest(&ToGuest::Interrupt { id: RequestId(id) });
                }
            }
            ToGuest::Hello { .. } | ToGuest::Exec { .. } => {}
        }
    }

    /// The terms that a request of this client gets: its policy is the lowest that the client ever
    /// asked for, and what its file is like is seen here, whatever the client says of it.
    fn terms(&mut self, client: ClientId, asked: Terms, argv: &[u8]) -> Terms {
        let policy = match self.clients.get_mut(&client) {
            Some(client) => {
                client.policy = client.policy.min(asked.policy);
                client.policy
            }
            None => Policy::Observe,
        };
        let fresh = self.files.as_ref();
        Terms {
            policy,
            fresh: fresh.and_then(|files| files.of(&self.mount, argv)),
            ..asked
        }
    }

    fn exec(&mut self, client: ClientId, name: RequestId, credit: u32, asked: Terms, argv: &[u8]) {
        if self.requests.named(client, name).is_some() {
            return self.close(client, CloseReason::DuplicateId);
        }
        let max = self.max_requests();
        let id = self.requests.free_id(name);
        let Some(id) = id.filter(|_| self.requests.of(client).len() < usize::from(max)) else {
            return self.refuse(client, name, max);
        };
        let granted = u64::from(credit).min(WINDOW);
        let terms = self.terms(client, asked, argv);
        let exec = |terms| ToGuest::Exec {
            id: RequestId(id),
            // At most what the client gave.
            credit: granted as u32,
            terms,
            argv,
        };
        // A long command line goes without what the file is like.
        let short = Terms {
            fresh: None,
            ..terms
        };
        if !self.to_guest.push(&exec(terms), About::Nothing)
            && !self.to_guest.push(&exec(short), About::Nothing)
        {
            return self.close(client, CloseReason::Oversized);
        }
        let request = Request {
            owner: Some(client),
            name,
            allowed: u64::from(credit) - granted,
            granted,
            queued: 0,
            stdin: 0,
            stdin_ended: false,
            interrupted: false,
            ended: false,
        };
        self.requests.insert(id, request);
    }

    /// Answers a request of a client that has as many open as the guest takes.
    fn refuse(&mut self, client: ClientId, id: RequestId, max: u16) {
        let Some(client) = self.clients.get_mut(&client) else {
            return;
        };
        let failure = Failure::Busy { max };
        let _ = client
            .queue
            .push(&FromGuest::Failure { id, failure }, About::Nothing);
        let status = STATUS_BUSY;
        let _ = client
            .queue
            .push(&FromGuest::Exit { id, status }, About::Nothing);
    }

    fn max_requests(&self) -> u16 {
        match &self.session {
            Session::Open(payload) => kept_hello(payload).map_or(0, |hello| hello.max_requests),
            Session::Greeting(_) | Session::Refused(_) => 0,
        }
    }
}
