//! The bodies of requests, which this server takes and throws away.
//!
//! No resource here wants one, but a client that sends one on a connection that stays open must
//! find its next request understood (RFC 9112, 6 and 9.3).

/// How a request's body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// So many bytes (`Content-Length`).
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// A body that is being read.
#[derive(Debug)]
pub struct Body {
    state: State,
    /// How many bytes of content may still come.
    allowance: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// So many bytes of a body of known length.
    Length(u64),
    /// The line with a chunk's size.
    Size,
    /// So many bytes of a chunk.
    Data(u64),
    /// The CRLF after a chunk's data.
    DataEnd,
    /// A trailer line, or the empty line that ends the body; so many bytes of them so far.
    Trailer(usize),
}

/// What reading a body came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It goes on; all that could be used is used.
    More,
    /// It has ended.
    Done,
    /// It is larger than the server takes (413).
    TooLarge,
    /// Its framing is broken (400).
    Broken,
}

/// The longest line with a chunk's size, extensions and all.
const LONGEST_SIZE_LINE: usize = 256;
/// The most bytes of trailers.
const MOST_TRAILERS: usize = 4096;

impl Body {
    /// A body delimited by `framing`, of at most `limit` bytes; `None` when there is none.
    #[must_use]
    pub fn new(framing: Framing, limit: u64) -> Option<Self> {
        let state = match framing {
            Framing::None | Framing::Length(0) => return None,
            Framing::Length(len) => State::Length(len),
            Framing::Chunked => State::Size,
        };
        Some(Self {
            state,
            allowance: limit,
        })
    }

    /// Reads on in `input`; says how much of it is used up, and what it came to.
    pub fn read(&mut self, input: &[u8]) -> (usize, Progress) {
        let mut used = 0;
        loop {
            let rest = input.get(used..).unwrap_or_default();
            match self.step(rest) {
                Step::Used(count) => used += count,
                Step::Stop(count, progress) => return (used + count, progress),
            }
        }
    }

    fn step(&mut self, rest: &[u8]) -> Step {
        match self.state {
            State::Length(len) if len > self.allowance => Step::Stop(0, Progress::TooLarge),
            State::Length(len) => match take(len, rest) {
                (used, 0) => Step::Stop(used, Progress::Done),
                (used, left) => {
                    self.allowance = self.allowance.saturating_sub(used as u64);
                    self.state = State::Length(left);
                    Step::Stop(used, Progress::More)
                }
            },
            State::Size => self.size_line(rest),
            State::Data(len) => match take(len, rest) {
                (used, 0) => {
                    self.state = State::DataEnd;
                    Step::Used(used)
                }
                (used, left) => {
                    self.state = State::Data(left);
                    Step::Stop(used, Progress::More)
                }
            },
            State::DataEnd => match rest {
                [b'\r', b'\n', ..] => {
                    self.state = State::Size;
                    Step::Used(2)
                }
                [] | [b'\r'] => Step::Stop(0, Progress::More),
                _ => Step::Stop(0, Progress::Broken),
            },
            State::Trailer(seen) => self.trailer(rest, seen),
        }
    }

    fn size_line(&mut self, rest: &[u8]) -> Step {
        match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete((used, 0))) => {
                self.state = State::Trailer(0);
                Step::Used(used)
            }
            Ok(httparse::Status::Complete((used, size))) => {
                let Some(left) = self.allowance.checked_sub(size) else {
                    return Step::Stop(0, Progress::TooLarge);
                };
                self.allowance = left;
                self.state = State::Data(size);
                Step::Used(used)
            }
            Ok(httparse::Status::Partial) if rest.len() <= LONGEST_SIZE_LINE => {
                Step::Stop(0, Progress::More)
            }
            _ => Step::Stop(0, Progress::Broken),
        }
    }

    fn trailer(&mut self, rest: &[u8], seen: usize) -> Step {
        let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") else {
            return if seen + rest.len() > MOST_TRAILERS {
                Step::Stop(0, Progress::TooLarge)
            } else {
                Step::Stop(0, Progress::More)
            };
        };
        if end == 0 {
            return Step::Stop(2, Progress::Done);
        }
        if seen + end > MOST_TRAILERS {
            return Step::Stop(0, Progress::TooLarge);
        }
        self.state = State::Trailer(seen + end + 2);
        Step::Used(end + 2)
    }
}

enum Step {
    Used(usize),
    Stop(usize, Progress),
}

/// How much of `len` is in `rest`, and how much is left to come.
fn take(len: u64, rest: &[u8]) -> (usize, u64) {
    let used = usize::try_from(len).unwrap_or(usize::MAX).min(rest.len());
    (used, len - used as u64)
}

#[cfg(test)]
mod tests {
    use super::{Body, Framing, Progress};

    /// Feeds `input` in pieces of `step` bytes, as sockets do; says what is left of it at the end.
    fn run(framing: Framing, input: &[u8], step: usize, limit: u64) -> (Progress, usize) {
        let mut body = Body::new(framing, limit).expect("a body");
        let (mut have, mut used) = (0, 0);
        loop {
            have = (have + step).min(input.len());
            let (more, progress) = body.read(&input[used..have]);
            used += more;
            if progress != Progress::More || have == input.len() {
                return (progress, input.len() - used);
            }
        }
    }

    #[test]
    fn a_body_ends_where_it_says() {
        let chunked = b"5\r\nhello\r\n3;a=b\r\n, y\r\n0\r\nTrailer: x\r\n\r\nGET";
        for step in 1..=chunked.len() {
            assert_eq!(run(Framing::Chunked, chunked, step, 8), (Progress::Done, 3));
            assert_eq!(
                run(Framing::Length(5), b"helloGET", step, 5),
                (Progress::Done, 3)
            );
        }
    }

    #[test]
    fn no_body_at_all() {
        assert!(Body::new(Framing::None, 10).is_none());
        assert!(Body::new(Framing::Length(0), 10).is_none());
    }

    #[test]
    fn too_large_is_told_before_it_comes() {
        let check = |framing, input: &[u8], limit| run(framing, input, 4096, limit).0;
        assert_eq!(check(Framing::Length(6), b"", 5), Progress::TooLarge);
        assert_eq!(check(Framing::Chunked, b"6\r\n", 5), Progress::TooLarge);
        let two = b"3\r\nabc\r\n3\r\n";
        assert_eq!(check(Framing::Chunked, two, 5), Progress::TooLarge);
        let mut trailers = b"0\r\n".to_vec();
        trailers.extend(std::iter::repeat_n(b'a', 5000));
        assert_eq!(check(Framing::Chunked, &trailers, 5), Progress::TooLarge);
    }

    #[test]
    fn broken_chunks_are_found() {
        for input in [
            &b"x\r\n"[..],
            b"3\r\nabcd\r\n",
            b"3\r\nabc\n",
            b"-1\r\n",
            b"fffffffffffffffff\r\n",
        ] {
            let progress = run(Framing::Chunked, input, 4096, 100).0;
            assert_eq!(progress, Progress::Broken, "{input:?}");
        }
        let endless = [b'1'; 400];
        assert_eq!(
            run(Framing::Chunked, &endless, 4096, 100).0,
            Progress::Broken
        );
    }
}
