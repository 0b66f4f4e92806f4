//! One session with a server: its start, and the way of a call.

use alloc::sync::Arc;
use core::sync::atomic::{
    AtomicBool, AtomicU32,
    Ordering::{AcqRel, Acquire, Release},
};

use super::Options;
use crate::client::{Client, MAX_MSIZE, MIN_MSIZE, agree};
use crate::error::Error;
use crate::msg::version::DIALECT;
use crate::msg::wire::Str;
use crate::msg::{
    HEADER, Message, Rattach, Rversion, Tattach, Tclunk, Tflush, Tversion, encode, wire::clamp,
};
use crate::transport::{Large, Take, Ticket, Transport};
use crate::types::{Fid, Tag};

/// State of a mount.
pub(super) struct Session {
    transport: Arc<dyn Transport>,
    pub(super) client: Client,
    pub(super) options: Options,
    /// Message size agreed upon; 0 until attached.
    msize: AtomicU32,
    /// A task is attaching.
    attaching: AtomicBool,
}

/// A call whose request is sent.
pub(super) struct Sent {
    tag: Tag,
    ticket: Ticket,
}

impl Session {
    pub(super) fn new(transport: Arc<dyn Transport>, options: Options) -> Self {
        Self {
            transport,
            client: Client::new(),
            options,
            msize: AtomicU32::new(0),
            attaching: AtomicBool::new(false),
        }
    }

    /// Attaches unless that is done, and says the message size in bytes.
    pub(super) fn ready(&self) -> Result<u32, Error> {
        match self.msize.load(Acquire) {
            0 => self.attach_once(),
            msize => Ok(msize),
        }
    }

    /// Lets one task at a time attach: a second `Tversion` would end the session that the first began.
    #[cold]
    fn attach_once(&self) -> Result<u32, Error> {
        while self.attaching.swap(true, AcqRel) {
            self.transport.park();
        }
        let mut result = Ok(self.msize.load(Acquire));
        if result == Ok(0) {
            result = self.attach();
            self.msize.store(result.unwrap_or(0), Release);
        }
        self.attaching.store(false, Release);
        self.transport.unpark();
        result
    }

    fn attach(&self) -> Result<u32, Error> {
        let offered = self.options.msize.min(self.transport.max_message());
        let version = Tversion {
            msize: offered.clamp(MIN_MSIZE, MAX_MSIZE),
            version: Str(DIALECT),
        };
        let mut msize = 0;
        self.call(&version, Large::Request, &mut |reply| {
            msize = agree(version.msize, &Rversion::decode(reply)?)?;
            Ok(())
        })?;
        let attach = Tattach {
            fid: Fid::ROOT,
            afid: Fid::NONE,
            uname: Str(self.options.uname.as_bytes()),
            aname: Str(self.options.aname.as_bytes()),
            n_uname: self.options.uid,
        };
        self.ask(&attach, Rattach::decode)?;
        Ok(msize)
    }

    /// Sends a request and hands the reply, whose header is right, to `take`.
    pub(super) fn call(
        &self,
        request: &dyn Message,
        large: Large,
        take: &mut Take<'_>,
    ) -> Result<(), Error> {
        let sent = self.start(request, large, true)?;
        self.finish(sent, take)
    }

    /// A call whose reply holds no bytes of variable length.
    pub(super) fn ask<R>(
        &self,
        request: &dyn Message,
        decode: fn(&[u8]) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let mut answer = Err(Error::BadValue);
        self.call(request, Large::Request, &mut |reply| {
            answer = decode(reply);
            Ok(())
        })?;
        answer
    }

    /// A call whose reply is only a header.
    pub(super) fn tell(&self, request: &dyn Message) -> Result<(), Error> {
        self.ask(request, |reply| match reply.len().checked_sub(HEADER) {
            Some(0) => Ok(()),
            more => Err(Error::Trailing {
                extra: clamp(more.unwrap_or(0)),
            }),
        })
    }

    /// Sends a request.
    pub(super) fn start(
        &self,
        request: &dyn Message,
        large: Large,
        may_wait: bool,
    ) -> Result<Sent, Error> {
        self.collect();
        let tag = self.client.begin(request.kind())?;
        loop {
            match self.send(tag, request, large, may_wait) {
                Ok(ticket) => return Ok(Sent { tag, ticket }),
                // There will be room once the transport is rid of late replies.
                Err(Error::Busy) if may_wait => self.reclaim(),
                Err(error) => {
                    self.client.cancel(tag);
                    return Err(error);
                }
            }
        }
    }

    /// Waits for the reply.
    pub(super) fn finish(&self, sent: Sent, take: &mut Take<'_>) -> Result<(), Error> {
        let Sent { tag, ticket } = sent;
        let mut came = false;
        let result = self.transport.wait(ticket, &mut |reply| {
            came = true;
            self.client.finish(tag, reply)?;
            take(reply)
        });
        if !came {
            self.abandon(tag);
        }
        result
    }

    /// Forgets a fid. Nobody waits for the answer: it is taken in with a later call.
    pub(super) fn clunk(&self, fid: Fid) {
        match self.client.begin_clunk(fid) {
            Ok(tag) => self.send_off(tag, &Tclunk { fid }),
            Err(_) => self.client.lose_fid(fid),
        }
    }

    /// Takes in late replies, and tries again to be rid of a fid that was set aside.
    pub(super) fn collect(&self) {
        if self.client.owed() {
            self.reclaim();
        }
        if let Some(fid) = self.client.lost_fid() {
            self.clunk(fid);
        }
    }

    fn reclaim(&self) {
        self.transport
            .reclaim(&mut |tag, reply| self.client.late(tag, reply));
    }

    /// Gives up a call that was not answered in time, and asks the server to do likewise.
    #[cold]
    fn abandon(&self, tag: Tag) {
        let flush = self.client.begin_flush(tag);
        self.client.give_up(tag);
        if let Ok(flush) = flush {
            self.send_off(flush, &Tflush { oldtag: tag });
        }
    }

    /// Sends a request whose reply nobody waits for, if there is room.
    fn send_off(&self, tag: Tag, request: &dyn Message) {
        match self.send(tag, request, Large::Request, false) {
            Ok(ticket) => {
                self.client.give_up(tag);
                self.transport.detach(ticket);
            }
            Err(_) => self.client.cancel(tag),
        }
    }

    fn send(
        &self,
        tag: Tag,
        request: &dyn Message,
        large: Large,
        may_wait: bool,
    ) -> Result<Ticket, Error> {
        // Until a size is agreed upon, only short requests are sent.
        let limit = self.msize.load(Acquire).max(MIN_MSIZE) as usize;
        self.transport.submit(tag, large, may_wait, &mut |room| {
            let size = room.len().min(limit);
            encode(request, tag, room.get_mut(..size).unwrap_or_default())
        })
    }
}
