//! One connection: bytes in, bytes out, and no socket.

use std::time::Instant;

use crate::access;
use crate::answer::{self, Answer};
use crate::body::{Body, Progress};
use crate::clock::Clock;
use crate::out::Out;
use crate::probes::{self, Asker, Decision};
use crate::request::{self, Request};
use crate::response::{self, Common, Persistence};
use crate::site::Site;
use crate::stats::{self, Snapshot};

/// What a connection needs of the server while it works.
#[derive(Debug)]
pub struct Context<'a> {
    /// What is served.
    pub site: &'a Site,
    /// The time.
    pub clock: &'a Clock,
    /// Lines for the access log.
    pub log: &'a mut Vec<u8>,
    /// Connections open, for the status.
    pub open: u64,
}

/// A connection with an HTTP client.
#[derive(Debug)]
pub struct Conn {
    peer: String,
    /// Which connection this is, counted from 1.
    number: u64,
    /// Requests so far.
    requests: u32,
    input: Vec<u8>,
    out: Out,
    phase: Phase,
    /// When the head of the request in hand was read, if a probe wants to know.
    stamp: Option<Instant>,
    /// When the request that is being read began, in the clock's milliseconds.
    began: Option<u64>,
    /// When patience ends, in the clock's milliseconds.
    deadline: u64,
    /// When something last happened, in the clock's milliseconds.
    touched: u64,
}

#[derive(Debug)]
enum Phase {
    /// Before or in the head of a request.
    Head,
    /// Before a request that is left alone until then, in the clock's milliseconds. `input` starts with
    /// its head, and nothing is added to `out`.
    Held(u64),
    /// In the body of a request whose answer is ready.
    Body(Body, Box<Ready>),
    /// Nothing more is read; the connection is closed once everything is sent.
    End,
}

/// An answer that waits for the request's body to end.
#[derive(Debug)]
struct Ready {
    answer: Answer,
    line: Vec<u8>,
    persistence: Persistence,
}

/// With so many bytes to send, no further request is looked at: a client that asks and does not
/// read fills its own window only.
const MUCH: usize = 64 << 10;
/// A buffer that grew beyond this is given back when it is empty.
const KEPT: usize = 8 << 10;

impl Conn {
    /// The connection of that number, just accepted from `peer`, which has until `deadline` to send
    /// something.
    #[must_use]
    pub fn new(peer: String, number: u64, deadline: u64) -> Self {
        Self {
            peer,
            number,
            requests: 0,
            input: Vec::new(),
            out: Out::default(),
            phase: Phase::Head,
            stamp: None,
            began: None,
            deadline,
            touched: 0,
        }
    }

    /// When [`Conn::expire`] wants to be called, in the clock's milliseconds.
    #[must_use]
    pub fn deadline(&self) -> u64 {
        self.deadline
    }

    /// Until when a request is held back, in the clock's milliseconds.
    #[must_use]
    pub fn held_until(&self) -> Option<u64> {
        match self.phase {
            Phase::Held(until) => Some(until),
            _ => None,
        }
    }

    /// Whether more bytes from the client are wanted now.
    #[must_use]
    pub fn wants_input(&mut self) -> bool {
        !matches!(self.phase, Phase::End | Phase::Held(_)) && self.out.len() <= MUCH
    }

    /// Whether it has been between two requests for `span_ms` at `now`.
    #[must_use]
    pub fn is_idle_since(&mut self, now: u64, span_ms: u64) -> bool {
        self.began.is_none()
            && self.touched != 0
            && self.touched + span_ms <= now
            && self.out.is_empty()
    }

    /// What waits to be sent.
    pub fn out(&mut self) -> &mut Out {
        &mut self.out
    }

    /// Whether the connection is to be closed now.
    #[must_use]
    pub fn is_over(&mut self) -> bool {
        matches!(self.phase, Phase::End) && self.out.is_empty()
    }

    /// Takes what the client sent.
    pub fn feed(&mut self, bytes: &[u8], context: &mut Context<'_>) {
        if matches!(self.phase, Phase::End) {
            return;
        }
        self.input.extend_from_slice(bytes);
        self.advance(context);
    }

    /// The client sends no more. A request that is held back is answered nevertheless: until then this
    /// does nothing, and whoever reads on after that learns of the end again.
    pub fn end_of_input(&mut self) {
        if self.held_until().is_none() {
            self.end();
        }
    }

    fn end(&mut self) {
        self.phase = Phase::End;
        self.began = None;
        self.input = Vec::new();
    }

    /// The connection is broken: nothing more is read or sent.
    pub fn abandon(&mut self) {
        self.out = Out::default();
        self.end();
    }

    /// Part of what waited has been sent, so that requests which were held back can go on.
    pub fn sent(&mut self, context: &mut Context<'_>) {
        if !self.input.is_empty() && self.out.len() <= MUCH {
            self.advance(context);
        } else {
            self.set_deadline(context);
        }
    }

    /// Time is up: an idle connection and one that does not take its answer end, and a request
    /// that does not get on is answered with 408. One that was held back is answered.
    pub fn expire(&mut self, context: &mut Context<'_>) {
        let held = self.held_until();
        if held.is_some_and(|until| until <= context.clock.now_ms) {
            self.advance(context);
        } else if !self.out.is_empty() {
            self.abandon();
        } else if held.is_some() {
            self.set_deadline(context);
        } else if self.began.is_some() {
            self.refuse(408, context);
            self.set_deadline(context);
        } else {
            self.end();
        }
    }

    fn advance(&mut self, context: &mut Context<'_>) {
        let input = std::mem::take(&mut self.input);
        let mut used = 0;
        while self.out.len() <= MUCH {
            let rest = input.get(used..).unwrap_or_default();
            match self.step(rest, context) {
                Some(count) => used += count,
                None => break,
            }
        }
        if !matches!(self.phase, Phase::End) {
            self.keep(input, used, context);
        }
        self.set_deadline(context);
    }

    /// Keeps what is not used of `input`.
    fn keep(&mut self, mut input: Vec<u8>, used: usize, context: &Context<'_>) {
        input.drain(..used);
        if input.is_empty() && input.capacity() > KEPT {
            input = Vec::new();
        }
        let in_request = !input.is_empty() || matches!(self.phase, Phase::Body(..));
        self.began = in_request.then(|| self.began.unwrap_or(context.clock.now_ms));
        self.input = input;
    }

    /// Uses some of `rest`; `None` when more has to come, or none will be used.
    fn step(&mut self, rest: &[u8], context: &mut Context<'_>) -> Option<usize> {
        match &mut self.phase {
            Phase::End => None,
            Phase::Head => self.head(rest, false, context),
            Phase::Held(until) if *until > context.clock.now_ms => None,
            Phase::Held(_) => {
                self.phase = Phase::Head;
                // What is still to come has all of its time from now on.
                self.began = None;
                self.head(rest, true, context)
            }
            Phase::Body(body, _) => {
                let (used, progress) = body.read(rest);
                match progress {
                    Progress::More if used == 0 => return None,
                    Progress::More => {}
                    Progress::Done => self.finish_body(context),
                    Progress::TooLarge => self.refuse_body(413, context),
                    Progress::Broken => self.refuse_body(400, context),
                }
                Some(used)
            }
        }
    }

    /// As [`Conn::step`], where a head is or begins. Of one that `was_held`, what to do is decided.
    fn head(&mut self, rest: &[u8], was_held: bool, context: &mut Context<'_>) -> Option<usize> {
        // Empty lines before a request line are ignored (RFC 9112, 2.2).
        let blank = rest
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        let head = rest.get(blank..).unwrap_or_default();
        if head.is_empty() {
            return (blank > 0).then_some(blank);
        }
        let limit = context.site.limits.header_bytes;
        match request::parse(head) {
            Ok(None) if head.len() <= limit => return None,
            Ok(Some((request, len))) if len <= limit => {
                let line = access::request_line(head);
                let decision = if was_held {
                    Decision::Serve
                } else {
                    self.decide(&request, line)
                };
                let refused = match decision {
                    Decision::Serve => None,
                    Decision::Refuse(status) => Some(status),
                    Decision::Delay(ms) => {
                        // Of the millisecond that has begun, any part may be over.
                        self.phase = Phase::Held(context.clock.now_ms + ms + 1);
                        return None;
                    }
                };
                self.request(&request, line, refused, context);
                return Some(blank + len);
            }
            Ok(_) => {
                let first = head.get(..limit).unwrap_or_default();
                let status = if first.contains(&b'\n') { 431 } else { 414 };
                self.refuse_line(status, access::request_line(head), context);
            }
            Err(error) => {
                self.refuse_line(error.status(), access::request_line(head), context);
            }
        }
        Some(rest.len())
    }

    fn decide(&mut self, request: &Request<'_>, line: &[u8]) -> Decision {
        self.requests = self.requests.saturating_add(1);
        self.stamp = probes::stamp();
        let asker = Asker {
            connection: self.number,
            peer: &self.peer,
            number: self.requests,
        };
        probes::ask(asker, request, line)
    }

    /// Answers `request`, if it is `refused` with that status, at once or after its body.
    fn request(
        &mut self,
        request: &Request<'_>,
        line: &[u8],
        refused: Option<u16>,
        context: &mut Context<'_>,
    ) {
        let snapshot = || Snapshot::take(context.open, context.site.generation);
        let answer = match refused {
            None => answer::answer(request, context.site, snapshot),
            Some(status) => answer::refusal(request, status),
        };
        let mut persistence = match (request.keep_alive, request.one_one) {
            (false, _) => Persistence::Close,
            (true, true) => Persistence::Keep,
            (true, false) => Persistence::KeepTold,
        };
        let Some(body) = Body::new(request.framing, context.site.limits.body_bytes) else {
            self.reply(answer, line, persistence, context);
            return;
        };
        if request.expects_continue {
            if answer.status >= 400 {
                // The client has not sent the body, and need not (RFC 9110, 10.1.1).
                persistence = Persistence::Close;
                self.reply(answer, line, persistence, context);
                return;
            }
            let interim = b"HTTP/1.1 100 Continue\r\n\r\n";
            self.out.bytes().extend_from_slice(interim);
        }
        let line = line.to_vec();
        let ready = Ready {
            answer,
            line,
            persistence,
        };
        self.phase = Phase::Body(body, Box::new(ready));
    }

    fn finish_body(&mut self, context: &mut Context<'_>) {
        if let Phase::Body(_, ready) = std::mem::replace(&mut self.phase, Phase::Head) {
            let Ready {
                answer,
                line,
                persistence,
            } = *ready;
            self.reply(answer, &line, persistence, context);
        }
    }

    fn refuse_body(&mut self, status: u16, context: &mut Context<'_>) {
        if let Phase::Body(_, ready) = std::mem::replace(&mut self.phase, Phase::End) {
            self.refuse_line(status, &ready.line, context);
        }
    }

    /// Answers a request that has not come in full.
    fn refuse(&mut self, status: u16, context: &mut Context<'_>) {
        let input = std::mem::take(&mut self.input);
        match std::mem::replace(&mut self.phase, Phase::End) {
            Phase::Body(_, ready) => self.refuse_line(status, &ready.line, context),
            _ => self.refuse_line(status, access::request_line(&input), context),
        }
    }

    fn refuse_line(&mut self, status: u16, line: &[u8], context: &mut Context<'_>) {
        self.reply(Answer::plain(status), line, Persistence::Close, context);
    }

    fn reply(
        &mut self,
        answer: Answer,
        line: &[u8],
        persistence: Persistence,
        context: &mut Context<'_>,
    ) {
        let status = answer.status;
        let common = Common {
            date: &context.clock.http,
            headers: &context.site.headers,
        };
        let bytes = response::write(&mut self.out, answer, common, persistence);
        let time = &context.clock.common_log;
        access::line(context.log, &self.peer, time, line, status, bytes);
        stats::answered(status, bytes);
        probes::answered(self.number, line, self.stamp.take(), status, bytes);
        self.began = None;
        if persistence == Persistence::Close {
            self.end();
        }
    }

    fn set_deadline(&mut self, context: &Context<'_>) {
        let limits = &context.site.limits;
        let now = context.clock.now_ms;
        self.touched = now.max(1);
        let held = self.held_until();
        self.deadline = if !self.out.is_empty() {
            (now + limits.write_ms).min(held.unwrap_or(u64::MAX))
        } else if let Some(until) = held {
            until
        } else if let Some(began) = self.began {
            began + limits.request_ms
        } else {
            now + limits.keep_alive_ms
        };
    }
}
