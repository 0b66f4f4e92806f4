//! A transport over a byte stream, such as a socket to a 9P server on the host.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::error::Error;
use crate::msg::{Header, Rflush, Tflush};
use crate::transport::{Fill, Large, Take, Ticket, Transport};
use crate::types::Tag;

#[derive(Default)]
struct State {
    replies: HashMap<u16, Vec<u8>>,
    detached: Vec<u16>,
    /// Which request a `Tflush` with this tag is about.
    flushes: HashMap<u16, u16>,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    came: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A transport over a byte stream: replies are matched by their tags.
pub struct Stream<W> {
    shared: Arc<Shared>,
    writer: Mutex<W>,
    max_message: u32,
    timeout: Duration,
}

impl<W: Write + Send> Stream<W> {
    /// Over the two directions of a connection; a thread reads replies until its end.
    pub fn new(mut reader: impl Read + Send + 'static, writer: W, max_message: u32) -> Self {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        thread::spawn(move || {
            while let Some(reply) = read_message(&mut reader, max_message) {
                let mut state = theirs.lock();
                if let Ok(header) = Header::of(&reply) {
                    state.replies.insert(header.tag.0, reply);
                }
                theirs.came.notify_all();
            }
            theirs.lock().closed = true;
            theirs.came.notify_all();
        });
        Self {
            shared,
            writer: Mutex::new(writer),
            max_message,
            timeout: Duration::from_secs(10),
        }
    }
}

fn read_message(from: &mut impl Read, most: u32) -> Option<Vec<u8>> {
    let mut size = [0; 4];
    from.read_exact(&mut size).ok()?;
    let len = u32::from_le_bytes(size);
    if !(7..=most).contains(&len) {
        return None;
    }
    let mut message = vec![0; len as usize];
    message[..4].copy_from_slice(&size);
    from.read_exact(&mut message[4..]).ok()?;
    Some(message)
}

impl<W: Write + Send> Transport for Stream<W> {
    fn max_message(&self) -> u32 {
        self.max_message
    }

    fn submit(
        &self,
        tag: Tag,
        _large: Large,
        _may_wait: bool,
        fill: &mut Fill<'_>,
    ) -> Result<Ticket, Error> {
        let mut request = vec![0; self.max_message as usize];
        let len = fill(&mut request)?;
        request.truncate(len);
        if let Ok(flush) = Tflush::decode(&request) {
            self.shared.lock().flushes.insert(tag.0, flush.oldtag.0);
        }
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.write_all(&request).map_err(|_| Error::Broken)?;
        Ok(Ticket(usize::from(tag.0)))
    }

    fn wait(&self, ticket: Ticket, take: &mut Take<'_>) -> Result<(), Error> {
        let tag = ticket.0 as u16;
        let (mut state, _) = self
            .shared
            .came
            .wait_timeout_while(self.shared.lock(), self.timeout, |state| {
                !state.replies.contains_key(&tag) && !state.closed
            })
            .unwrap_or_else(PoisonError::into_inner);
        match state.replies.remove(&tag) {
            Some(reply) => {
                drop(state);
                take(&reply)
            }
            None => {
                state.detached.push(tag);
                Err(if state.closed {
                    Error::Broken
                } else {
                    Error::Timeout
                })
            }
        }
    }

    fn detach(&self, ticket: Ticket) {
        self.shared.lock().detached.push(ticket.0 as u16);
    }

    fn reclaim(&self, over: &mut dyn FnMut(Tag, &[u8])) {
        let mut state = self.shared.lock();
        let mut done = Vec::new();
        let tags = std::mem::take(&mut state.detached);
        for tag in tags {
            match state.replies.remove(&tag) {
                Some(reply) => done.push((tag, reply)),
                None => state.detached.push(tag),
            }
        }
        // After an Rflush the old request is never answered (9P2000, flush(5)).
        for index in 0..done.len() {
            let (tag, reply) = &done[index];
            let old = state.flushes.remove(tag);
            if let Some(old) = old.filter(|_| Rflush::decode(reply).is_ok())
                && let Some(at) = state.detached.iter().position(|tag| *tag == old)
            {
                state.detached.swap_remove(at);
                done.push((old, Vec::new()));
            }
        }
        drop(state);
        for (tag, reply) in done {
            over(Tag(tag), &reply);
        }
    }

    fn park(&self) {
        thread::sleep(Duration::from_millis(1));
    }

    fn unpark(&self) {}
}
