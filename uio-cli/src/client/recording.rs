//! Recorded sessions. A recording is a text file of one line a piece: `>` and what the host sent,
//! or `<` and what came, as hexadecimal digits; `#` begins a comment. Whatever can be done with a
//! VM's socket can be done with a recording, so that formatting is tested without a VM.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;

use uio_console::frame::{self, Deframer};
use uio_console::{FromGuest, Hello, MAX_FRAME, PROTOCOL_VERSION, Policy};

use super::hello::{GuestInfo, hex};
use crate::error::{Error, Result};

/// Writes a recording.
pub struct Recorder {
    file: BufWriter<File>,
}

impl Recorder {
    /// Begins a recording at `path`.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(|e| Error::path("make", path, e))?;
        Ok(Self {
            file: BufWriter::new(file),
        })
    }

    /// Records that `bytes` were sent.
    pub fn sent(&mut self, bytes: &[u8]) {
        self.line('>', bytes);
    }

    /// Records that `bytes` came.
    pub fn received(&mut self, bytes: &[u8]) {
        self.line('<', bytes);
    }

    /// Records the guest's hello, which had come before the recording began.
    pub(super) fn hello(&mut self, guest: &GuestInfo) {
        let build_id = unhex(&guest.build_id).unwrap_or_default();
        let (features, commands) = (guest.features.join(" "), guest.commands.join(" "));
        let hello = FromGuest::Hello(Hello {
            version: PROTOCOL_VERSION,
            kernel: &guest.kernel,
            overlay: &guest.overlay,
            arch: &guest.arch,
            build_id: &build_id,
            features: &features,
            isolation: &guest.isolation,
            policy: Policy::from_name(guest.policy.as_bytes()).unwrap_or(Policy::Observe),
            commands: &commands,
            share: &guest.share,
            max_requests: guest.max_requests,
        });
        let mut bytes = [0; MAX_FRAME];
        if let Ok(len) = frame::encode(&hello, &mut bytes) {
            self.received(&bytes[..len]);
        }
    }

    fn line(&mut self, direction: char, bytes: &[u8]) {
        // A recording that cannot be written is not worth the session.
        let _ = writeln!(self.file, "{direction} {}", hex(bytes));
        let _ = self.file.flush();
    }
}

/// A piece of a recording.
enum Piece {
    Sent(Vec<u8>),
    Came(Vec<u8>),
}

/// Plays a recording into one end of a stream, and returns the other end. What came is played when
/// as many frames were sent as had been sent before it.
///
/// # Errors
/// [`Error::Failed`] when `text` is no recording.
pub fn replay(text: &str) -> Result<UnixStream> {
    let pieces = parse(text)?;
    let (ours, theirs) =
        UnixStream::pair().map_err(|e| Error::io("make a stream for the recording", e))?;
    thread::spawn(move || {
        // The client may leave before the recording ends.
        let _ = play(theirs, &pieces);
    });
    Ok(ours)
}

fn play(mut stream: UnixStream, pieces: &[Piece]) -> io::Result<()> {
    let mut recorded = Deframer::new();
    let mut live = Deframer::new();
    // Our client greets before the recording does.
    let mut due = 1usize;
    let mut seen = 0usize;
    for piece in pieces {
        match piece {
            Piece::Sent(bytes) => due += frames(&mut recorded, bytes),
            Piece::Came(bytes) => {
                while seen < due {
                    let mut buffer = [0; 4096];
                    let count = stream.read(&mut buffer)?;
                    if count == 0 {
                        return Ok(());
                    }
                    seen += frames(&mut live, &buffer[..count]);
                }
                stream.write_all(bytes)?;
            }
        }
    }
    Ok(())
}

/// How many frames end in `bytes`, credits aside: when those are sent depends on how the bytes
/// came apart.
fn frames(deframer: &mut Deframer, mut bytes: &[u8]) -> usize {
    let mut count = 0;
    while !bytes.is_empty() {
        let (used, item) = deframer.next(bytes);
        bytes = &bytes[used..];
        if let Some(Ok(payload)) = item {
            let message = frame::decode_payload::<uio_console::ToGuest<'_>>(payload);
            count += usize::from(!matches!(message, Ok(uio_console::ToGuest::Credit { .. })));
        }
    }
    count
}

fn parse(text: &str) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let fault = || Error::Failed(format!("line {} is not of a recording", index + 1));
        let (direction, digits) = line.split_once(' ').ok_or_else(fault)?;
        let bytes = unhex(digits).ok_or_else(fault)?;
        pieces.push(match direction {
            ">" => Piece::Sent(bytes),
            "<" => Piece::Came(bytes),
            _ => return Err(fault()),
        });
    }
    Ok(pieces)
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(pair, 16).ok()
        })
        .collect()
}
