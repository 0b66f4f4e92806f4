//! Reads and writes of any length, in pieces, several of them in flight.

use super::File;
use super::session::{Parse, Sent, Sink};
use crate::error::{Errno, Error, local};
use crate::msg::wire::{Data, clamp};
use crate::msg::{Rwrite, Tread, Twrite};
use crate::transport::Large;

/// Most pieces of one read or write in flight.
const WINDOW: usize = 4;

/// The caller's memory.
enum Buffer<'b> {
    Read(&'b mut [u8]),
    Write(&'b [u8]),
}

/// A piece whose request is sent.
struct Piece {
    sent: Sent,
    at: usize,
    len: usize,
}

impl File {
    /// Reads from `offset`: less than asked for only at the file's end or before a fault. Returns bytes read; what is
    /// behind them in `buffer` may have changed.
    ///
    /// # Errors
    /// The server's, or what went wrong on the way, if that was before the first byte.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Error> {
        let total = buffer.len();
        self.transfer(Buffer::Read(buffer), total, offset)
    }

    /// Writes at `offset`, or at the end if opened with `O_APPEND`. Returns bytes written: less than asked for only
    /// before a fault.
    ///
    /// # Errors
    /// The server's, or what went wrong on the way, if that was before the first byte.
    pub fn write_at(&self, data: &[u8], offset: u64) -> Result<usize, Error> {
        self.transfer(Buffer::Write(data), data.len(), offset)
    }

    fn transfer(&self, buffer: Buffer<'_>, total: usize, offset: u64) -> Result<usize, Error> {
        if offset.checked_add(total as u64).is_none() {
            return local(Errno::EINVAL);
        }
        let mut transfer = Transfer {
            file: self,
            buffer,
            offset,
            pieces: [const { None }; WINDOW],
            head: 0,
            flying: 0,
            window: 1,
            sent: 0,
            done: 0,
            sending: true,
            gap: false,
            fault: None,
        };
        transfer.fill(total);
        while let Some(piece) = transfer.next() {
            let len = piece.len;
            let moved = transfer.take(piece);
            transfer.account(len, moved);
            transfer.fill(total);
        }
        match transfer.fault {
            Some(error) if transfer.done == 0 => Err(error),
            _ => Ok(transfer.done),
        }
    }
}

/// The answer to a `Twrite` of `len` bytes.
struct Written {
    len: usize,
    count: usize,
}

impl Parse for Written {
    fn parse(&mut self, reply: &[u8]) -> Result<(), Error> {
        self.count = Rwrite::decode_fields(reply)?.count as usize;
        if self.count > self.len {
            return Err(Error::BadValue);
        }
        Ok(())
    }
}

/// A read or write under way: a ring of pieces, whose replies are taken in in order.
struct Transfer<'f, 'b> {
    file: &'f File,
    buffer: Buffer<'b>,
    offset: u64,
    pieces: [Option<Piece>; WINDOW],
    /// Where in the ring the oldest piece is.
    head: usize,
    flying: usize,
    /// Most pieces in flight now. It opens by one with every full piece, so a short file costs no needless request
    /// behind its end.
    window: usize,
    /// Bytes sent for.
    sent: usize,
    /// Bytes moved without a gap.
    done: usize,
    /// More may be sent.
    sending: bool,
    /// A piece moved less than it should: what is behind it does not count.
    gap: bool,
    /// The first error.
    fault: Option<Error>,
}

impl Transfer<'_, '_> {
    /// Sends pieces until the window is full.
    fn fill(&mut self, total: usize) {
        while self.sending && self.sent < total && self.flying < self.window {
            let len = (total - self.sent).min(self.file.chunk as usize);
            match self.send(len) {
                Ok(sent) => {
                    let piece = Piece {
                        sent,
                        at: self.sent,
                        len,
                    };
                    if let Some(slot) = self.pieces.get_mut((self.head + self.flying) % WINDOW) {
                        *slot = Some(piece);
                    }
                    self.flying += 1;
                    self.sent += len;
                }
                // With a piece in flight there is no need to wait for room.
                Err(Error::Busy | Error::OutOfTags) if self.flying > 0 => return,
                Err(error) => {
                    self.fault = self.fault.or(Some(error));
                    self.sending = false;
                }
            }
        }
    }

    fn send(&self, len: usize) -> Result<Sent, Error> {
        let session = &self.file.handle.session;
        let fid = self.file.handle.fid;
        let offset = self.offset + self.sent as u64;
        let may_wait = self.flying == 0;
        match &self.buffer {
            Buffer::Read(_) => {
                let count = clamp(len);
                session.start(&Tread { fid, offset, count }, Large::Reply, may_wait)
            }
            Buffer::Write(data) => {
                let data = Data(data.get(self.sent..self.sent + len).unwrap_or_default());
                session.start(&Twrite { fid, offset, data }, Large::Request, may_wait)
            }
        }
    }

    fn next(&mut self) -> Option<Piece> {
        let piece = self.pieces.get_mut(self.head)?.take()?;
        self.head = (self.head + 1) % WINDOW;
        self.flying -= 1;
        Some(piece)
    }

    /// Waits for a piece's reply, and says how many bytes it moved.
    fn take(&mut self, piece: Piece) -> Result<usize, Error> {
        let Piece { sent, at, len } = piece;
        let session = &self.file.handle.session;
        match &mut self.buffer {
            Buffer::Read(buffer) => {
                let room = buffer.get_mut(at..at + len).unwrap_or_default();
                let mut moved = 0;
                session.finish(sent, &mut Sink::Data(room, &mut moved))?;
                Ok(moved)
            }
            Buffer::Write(_) => {
                let mut written = Written { len, count: 0 };
                session.finish(sent, &mut Sink::Parse(&mut written))?;
                Ok(written.count)
            }
        }
    }

    fn account(&mut self, len: usize, moved: Result<usize, Error>) {
        if self.gap {
            return;
        }
        match moved {
            Ok(moved) => {
                self.done += moved;
                self.gap = moved < len;
            }
            Err(error) => {
                self.fault = self.fault.or(Some(error));
                self.gap = true;
            }
        }
        self.sending &= !self.gap;
        if !self.file.append {
            self.window = WINDOW.min(self.window + 1);
        }
    }
}
