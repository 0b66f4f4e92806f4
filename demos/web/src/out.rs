//! What waits to be sent on a connection.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::ops::Range;
use std::sync::Arc;

/// Content up to this length is copied behind its header, so that both leave in one write. What is
/// longer is sent from where it is: a slow reader of a large document holds no copy of it.
const COPIED: usize = 16 << 10;

#[derive(Debug)]
enum Piece {
    Bytes(Vec<u8>),
    Shared(Arc<[u8]>, Range<usize>),
}

/// A queue of bytes.
#[derive(Debug, Default)]
pub struct Out {
    pieces: VecDeque<Piece>,
    /// How much of the first piece is sent.
    sent: usize,
    /// How much of all of them is not.
    len: usize,
    /// The length of `pieces` that `len` has not seen yet is in the last piece, from here.
    counted: usize,
    spare: Vec<u8>,
}

impl Out {
    /// How many bytes wait.
    #[must_use]
    pub fn len(&mut self) -> usize {
        self.settle();
        self.len
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&mut self) -> bool {
        self.len() == 0
    }

    /// A buffer at the end of the queue, to append to.
    pub fn bytes(&mut self) -> &mut Vec<u8> {
        self.settle();
        if !matches!(self.pieces.back(), Some(Piece::Bytes(_))) {
            self.counted = 0;
            self.pieces
                .push_back(Piece::Bytes(std::mem::take(&mut self.spare)));
        }
        match self.pieces.back_mut() {
            Some(Piece::Bytes(bytes)) => bytes,
            // The piece pushed above is one of bytes.
            _ => &mut self.spare,
        }
    }

    /// Appends a part of `document`.
    pub fn share(&mut self, document: &Arc<[u8]>, range: Range<usize>) {
        let Some(part) = document.get(range.clone()) else {
            return;
        };
        if part.len() <= COPIED {
            self.bytes().extend_from_slice(part);
        } else {
            self.settle();
            self.len += part.len();
            self.pieces
                .push_back(Piece::Shared(Arc::clone(document), range));
        }
    }

    /// Counts what was appended through [`Out::bytes`].
    fn settle(&mut self) {
        if let Some(Piece::Bytes(bytes)) = self.pieces.back() {
            self.len += bytes.len() - self.counted;
            self.counted = bytes.len();
        }
    }

    /// Sends what `stream` takes without waiting; says whether it took anything.
    ///
    /// # Errors
    ///
    /// What the stream says; [`ErrorKind::WriteZero`] when it is closed for writing.
    pub fn send(&mut self, stream: &mut impl Write) -> io::Result<bool> {
        self.settle();
        let mut progress = false;
        while let Some(piece) = self.pieces.front() {
            let piece = match piece {
                Piece::Bytes(bytes) => bytes.as_slice(),
                Piece::Shared(document, range) => document.get(range.clone()).unwrap_or_default(),
            };
            let rest = piece.get(self.sent..).unwrap_or_default();
            if rest.is_empty() {
                self.next_piece();
                continue;
            }
            match stream.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.sent += count;
                    self.len = self.len.saturating_sub(count);
                    progress = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(progress),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(progress)
    }

    fn next_piece(&mut self) {
        self.sent = 0;
        if let Some(Piece::Bytes(mut bytes)) = self.pieces.pop_front()
            && self.pieces.is_empty()
        {
            // The usual case: one buffer serves all answers of a connection.
            bytes.clear();
            self.spare = bytes;
            self.counted = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, ErrorKind, Write};
    use std::sync::Arc;

    use super::{COPIED, Out};

    /// Takes so many bytes a call, and blocks every other call.
    struct Slow {
        taken: Vec<u8>,
        step: usize,
        blocked: bool,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.blocked = !self.blocked;
            if self.blocked {
                return Err(ErrorKind::WouldBlock.into());
            }
            let count = bytes.len().min(self.step);
            self.taken.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn everything_arrives_in_order_whatever_the_stream_takes() {
        for step in [1, 7, 5_000, 100_000] {
            let document: Arc<[u8]> = (0..COPIED + 100).map(|n| n as u8).collect();
            let mut out = Out::default();
            let mut expected = Vec::new();
            for part in [0..3, 0..COPIED + 1, 5..9, 50..COPIED + 100] {
                out.bytes().extend_from_slice(b"head");
                expected.extend_from_slice(b"head");
                out.share(&document, part.clone());
                expected.extend_from_slice(&document[part]);
            }
            assert_eq!(out.len(), expected.len());
            let mut slow = Slow {
                taken: Vec::new(),
                step,
                blocked: false,
            };
            while !out.is_empty() {
                out.send(&mut slow).expect("it only blocks");
                assert_eq!(out.len() + slow.taken.len(), expected.len());
            }
            assert!(slow.taken == expected, "step {step}");
            out.bytes().extend_from_slice(b"more");
            assert_eq!(out.len(), 4);
        }
    }

    #[test]
    fn a_part_that_is_not_there_is_nothing() {
        let document: Arc<[u8]> = Arc::from(&b"abc"[..]);
        let mut out = Out::default();
        out.share(&document, 2..9);
        assert!(out.is_empty());
    }
}
