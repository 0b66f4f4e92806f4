//! What the guest says. It is trusted no further than a client is.

use super::*;

impl Mux {
    pub(super) fn guest_message(&mut self, message: &FromGuest<'_>, cost: u64) {
        match *message {
            FromGuest::Hello(hello) => self.guest_hello(&hello),
            // Frames of an earlier session: the guest has not read our hello yet.
            _ if !self.is_open() && !matches!(message, FromGuest::Closed { .. }) => {}
            FromGuest::Stdout { id, .. }
            | FromGuest::Stderr { id, .. }
            | FromGuest::Record { id, .. }
            | FromGuest::Failure { id, .. } => self.output(id.0, message, cost),
            FromGuest::Credit { id, bytes } => self.stdin_credit(id.0, bytes),
            FromGuest::Exit { id, status } => self.exit(id.0, status),
            FromGuest::Closed { reason } => self.guest_closed(reason),
        }
    }

    fn guest_hello(&mut self, hello: &Hello<'_>) {
        match self.session {
            Session::Greeting(waiting) if waiting > 1 => {
                self.session = Session::Greeting(waiting - 1);
                return;
            }
            Session::Greeting(_) => {}
            Session::Open(_) | Session::Refused(_) => {
                self.notes
                    .push("the guest said hello without being asked; all sessions end".to_owned());
                self.close_all(CloseReason::Malformed);
            }
        }
        if hello.version != PROTOCOL_VERSION {
            return self.guest_refuses(CloseReason::Version(hello.version));
        }
        let Some(payload) = keep_hello(hello) else {
            return self.guest_is_garbled();
        };
        self.notes.push(format!(
            "overlay {} on kernel {} answered",
            hello.overlay, hello.kernel
        ));
        self.mount = hello.share.as_bytes().to_vec();
        self.session = Session::Open(payload);
        self.answer_waiting();
    }

    /// The guest closed the session. That is our fault, or its own confusion: begin anew.
    fn guest_closed(&mut self, reason: CloseReason) {
        if let CloseReason::Version(_) = reason {
            return self.guest_refuses(reason);
        }
        self.notes
            .push(format!("the guest closed the session: {reason:?}"));
        self.restart(reason);
    }

    /// What came is not the protocol. Nothing is known of the requests any more: begin anew.
    pub(super) fn guest_is_garbled(&mut self) {
        if !self.is_open() {
            // Leftovers of an earlier session, or boot messages on the wrong port.
            return;
        }
        self.notes
            .push("the guest sent a frame that is no message".to_owned());
        self.restart(CloseReason::Malformed);
    }

    fn restart(&mut self, reason: CloseReason) {
        self.close_all(reason);
        self.to_guest.clear();
        self.restarted = true;
        self.greet();
    }

    fn guest_refuses(&mut self, reason: CloseReason) {
        self.notes.push(format!("the guest refuses: {reason:?}"));
        self.close_all(reason);
        self.session = Session::Refused(reason);
        self.answer_waiting();
    }

    /// Ends every open session; those that wait for the guest's hello go on waiting.
    fn close_all(&mut self, reason: CloseReason) {
        self.requests.clear();
        let open: Vec<ClientId> = self
            .clients
            .iter()
            .filter(|(_, client)| client.state == State::Open)
            .map(|(&id, _)| id)
            .collect();
        for id in open {
            // What waits there is about requests that are no more.
            if let Some(client) = self.clients.get_mut(&id) {
                client.queue.clear();
            }
            self.close(id, reason);
        }
    }

    fn answer_waiting(&mut self) {
        let waiting: Vec<ClientId> = self
            .clients
            .iter()
            .filter(|(_, client)| client.state == State::Waiting)
            .map(|(&id, _)| id)
            .collect();
        for id in waiting {
            self.answer_hello(id);
        }
    }

    fn output(&mut self, id: u32, message: &FromGuest<'_>, cost: u64) {
        let Some(request) = self.requests.get_mut(id).filter(|r| !r.ended) else {
            return;
        };
        request.granted = request.granted.saturating_sub(cost);
        let Some(owner) = request.owner else {
            return self.renew(id);
        };
        let renamed = rename(message, request.name);
        request.queued += cost;
        let about = About::Output { request: id, cost };
        let Some(client) = self.clients.get_mut(&owner) else {
            return;
        };
        let fits = client.queue.push(&renamed, about);
        if !fits || client.queue.len() > QUEUE_LIMIT {
            self.close(owner, CloseReason::Overrun);
        }
    }

    fn stdin_credit(&mut self, id: u32, bytes: u32) {
        let Some(request) = self.requests.get_mut(id).filter(|r| !r.ended) else {
            return;
        };
        request.stdin = request.stdin.saturating_add(u64::from(bytes));
        let (owner, id) = (request.owner, request.name);
        if let Some(client) = owner.and_then(|owner| self.clients.get_mut(&owner)) {
            let _ = client
                .queue
                .push(&FromGuest::Credit { id, bytes }, About::Nothing);
            if client.queue.len() > QUEUE_LIMIT
                && let Some(owner) = owner
            {
                self.close(owner, CloseReason::Overrun);
            }
        }
    }

    fn exit(&mut self, id: u32, status: i32) {
        let Some(request) = self.requests.get_mut(id).filter(|r| !r.ended) else {
            return;
        };
        let Some(client) = request.owner.and_then(|owner| self.clients.get_mut(&owner)) else {
            self.requests.remove(id);
            return;
        };
        request.ended = true;
        let exit = FromGuest::Exit {
            id: request.name,
            status,
        };
        let _ = client.queue.push(&exit, About::End { request: id });
    }
}

/// The same message under the client's name for the request.
fn rename<'a>(message: &FromGuest<'a>, id: RequestId) -> FromGuest<'a> {
    match *message {
        FromGuest::Stdout { data, .. } => FromGuest::Stdout { id, data },
        FromGuest::Stderr { data, .. } => FromGuest::Stderr { id, data },
        FromGuest::Record { record, .. } => FromGuest::Record { id, record },
        FromGuest::Failure { failure, .. } => FromGuest::Failure { id, failure },
        FromGuest::Credit { bytes, .. } => FromGuest::Credit { id, bytes },
        FromGuest::Exit { status, .. } => FromGuest::Exit { id, status },
        FromGuest::Hello(_) | FromGuest::Closed { .. } => *message,
    }
}
