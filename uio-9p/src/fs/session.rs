//! One session with a server: its start, and the way of a call.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{
    AtomicBool, AtomicU32,
    Ordering::{AcqRel, Acquire, Release},
};

use super::Options;
use crate::client::{Client, MAX_MSIZE, MIN_MSIZE, agree};
use crate::error::Error;
use crate::msg::version::DIALECT;
use crate::msg::wire::{Reader, Str};
use crate::msg::{
    HEADER, Message, Rread, Rreadlink, Rversion, Tattach, Tclunk, Tflush, Tversion, encode,
};
use crate::transport::{Large, Ticket, Transport};
use crate::types::{Fid, Qid, Tag};

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

/// What makes something of a reply whose header is right.
pub(super) trait Parse {
    /// Takes the reply.
    fn parse(&mut self, reply: &[u8]) -> Result<(), Error>;
}

/// What a decoder makes of a reply.
struct Answer<R> {
    decode: fn(&[u8]) -> Result<R, Error>,
    answer: Option<R>,
}

impl<R> Parse for Answer<R> {
    fn parse(&mut self, reply: &[u8]) -> Result<(), Error> {
        self.answer = Some((self.decode)(reply)?);
        Ok(())
    }
}

/// The message size of an `Rversion`: first what was offered, then what was agreed upon, in bytes.
struct Agreed(u32);

impl Parse for Agreed {
    fn parse(&mut self, reply: &[u8]) -> Result<(), Error> {
        self.0 = agree(self.0, &Rversion::decode_fields(reply)?)?;
        Ok(())
    }
}

/// Where a reply goes.
pub(super) enum Sink<'s> {
    /// It says nothing new, and has so many bytes of fields.
    Nothing(usize),
    /// To a decoder.
    Parse(&'s mut dyn Parse),
    /// The data of an `Rread`, which must fit, and how many bytes that was.
    Data(&'s mut [u8], &'s mut usize),
    /// The data of an `Rreaddir`.
    Entries(&'s mut Vec<u8>),
    /// The target in an `Rreadlink`.
    Target(&'s mut Vec<u8>),
}

impl Sink<'_> {
    /// Takes a reply whose header is right.
    fn take(&mut self, reply: &[u8]) -> Result<(), Error> {
        let (to, from) = match self {
            Self::Nothing(len) => {
                let mut fields = Reader::new(reply);
                fields.bytes(HEADER + *len);
                return fields.finish();
            }
            Self::Parse(parser) => return parser.parse(reply),
            Self::Data(room, moved) => {
                let data = Rread::decode_fields(reply)?.data.0;
                let room = room.get_mut(..data.len()).ok_or(Error::BadValue)?;
                room.copy_from_slice(data);
                **moved = data.len();
                return Ok(());
            }
            // `Rreaddir` has the same fields as `Rread`.
            Self::Entries(entries) => (entries, Rread::decode_fields(reply)?.data.0),
            Self::Target(target) => (target, Rreadlink::decode_fields(reply)?.target.0),
        };
        to.extend_from_slice(from);
        Ok(())
    }
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
        let mut msize = Agreed(version.msize);
        self.call(&version, &mut Sink::Parse(&mut msize))?;
        let attach = Tattach {
            fid: Fid::ROOT,
            afid: Fid::NONE,
            uname: Str(self.options.uname.as_bytes()),
            aname: Str(self.options.aname.as_bytes()),
            n_uname: self.options.uid,
        };
        self.tell(&attach, Qid::LEN)?;
        Ok(msize.0)
    }

    /// Sends a request and takes its reply.
    pub(super) fn call(&self, request: &dyn Message, sink: &mut Sink<'_>) -> Result<(), Error> {
        let large = match sink {
            Sink::Nothing(_) | Sink::Parse(_) => Large::Neither,
            _ => Large::Reply,
        };
        let sent = self.start(request, large, true)?;
        self.finish(sent, sink)
    }

    /// A call whose reply is short.
    pub(super) fn ask<R>(
        &self,
        request: &dyn Message,
        decode: fn(&[u8]) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let mut answer = Answer {
            decode,
            answer: None,
        };
        self.call(request, &mut Sink::Parse(&mut answer))?;
        answer.answer.ok_or(Error::BadValue)
    }

    /// A call whose reply says nothing new, and has `len` bytes of fields.
    pub(super) fn tell(&self, request: &dyn Message, len: usize) -> Result<(), Error> {
        self.call(request, &mut Sink::Nothing(len))
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
    pub(super) fn finish(&self, sent: Sent, sink: &mut Sink<'_>) -> Result<(), Error> {
        let Sent { tag, ticket } = sent;
        let mut came = false;
        let result = self.transport.wait(ticket, &mut |reply| {
            came = true;
            self.client.finish(tag, reply)?;
            sink.take(reply)
        });
        if !came {
            self.abandon(tag);
        }
        result
    }

    /// Forgets a fid. Nobody waits for the answer: it is taken in with a later call.
    pub(super) fn clunk(&self, fid: Fid) {
        self.take_late();
        match self.client.begin_clunk(fid) {
            Ok(tag) => self.send_off(tag, &Tclunk { fid }),
            Err(_) => self.client.lose_fid(fid),
        }
    }

    /// Takes in late replies, and tries again to be rid of a fid that was set aside.
    #[inline(never)]
    pub(super) fn collect(&self) {
        self.take_late();
        if let Some(fid) = self.client.lost_fid() {
            self.clunk(fid);
        }
    }

    /// A fid, for which room may have to be made first.
    pub(super) fn take_fid(&self) -> Result<Fid, Error> {
        self.client.take_fid().or_else(|_| {
            self.collect();
            self.client.take_fid()
        })
    }

    fn take_late(&self) {
        if self.client.owed() {
            self.reclaim();
        }
    }

    #[inline(never)]
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
        match self.send(tag, request, Large::Neither, false) {
            Ok(ticket) => {
                self.client.give_up(tag);
                self.transport.detach(ticket);
            }
            Err(_) => self.client.cancel(tag),
        }
    }

    #[inline(never)]
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
