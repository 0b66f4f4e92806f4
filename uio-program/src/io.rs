//! Standard input, output and error.

use alloc::vec::Vec;
use core::fmt::{self, Write};

use crate::{Error, Result, sys};

/// Bytes that formatted output is collected in before it is written.
const BUFFER: usize = 256;

/// Bytes that [`Lines`] reads at once.
const CHUNK: usize = 4096;

/// Something to read from.
pub trait Read {
    /// Reads into `buffer`; returns how many bytes came, 0 at the end.
    ///
    /// # Errors
    /// What the guest says.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize>;

    /// Reads until the end, behind what is in `bytes`.
    ///
    /// # Errors
    /// What the guest says; what was read until then is in `bytes`.
    fn read_to_end(&mut self, bytes: &mut Vec<u8>) -> Result<()> {
        loop {
            let used = bytes.len();
            bytes.try_reserve(CHUNK).map_err(|_| Error::NoMemory)?;
            bytes.resize(used + CHUNK, 0);
            let read = self.read(bytes.get_mut(used..).unwrap_or_default());
            bytes.truncate(used + read.unwrap_or(0));
            if read? == 0 {
                return Ok(());
            }
        }
    }

    /// Its lines.
    fn lines(self) -> Lines<Self>
    where
        Self: Sized,
    {
        Lines {
            from: self,
            bytes: Vec::new(),
            start: 0,
            ended: false,
        }
    }
}

/// The client's input.
#[derive(Clone, Copy, Debug)]
pub struct Stdin;

/// The client's output.
#[derive(Clone, Copy, Debug)]
pub struct Stdout;

/// The client's error output.
#[derive(Clone, Copy, Debug)]
pub struct Stderr;

/// The client's input.
#[must_use]
pub fn stdin() -> Stdin {
    Stdin
}

/// The client's output.
#[must_use]
pub fn stdout() -> Stdout {
    Stdout
}

/// The client's error output.
#[must_use]
pub fn stderr() -> Stderr {
    Stderr
}

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        Error::check(sys::fd_read(0, buffer))
    }
}

impl Stdout {
    /// Writes all of it. Waits until the client takes it.
    ///
    /// # Errors
    /// [`Error::Interrupted`], or what else the guest says.
    pub fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        write_all(1, bytes)
    }
}

impl Stderr {
    /// Writes all of it. Waits until the client takes it.
    ///
    /// # Errors
    /// [`Error::Interrupted`], or what else the guest says.
    pub fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        write_all(2, bytes)
    }
}

impl Write for Stdout {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write_all(text.as_bytes()).map_err(|_| fmt::Error)
    }

    fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> fmt::Result {
        print(1, text).map_err(|_| fmt::Error)
    }
}

impl Write for Stderr {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write_all(text.as_bytes()).map_err(|_| fmt::Error)
    }

    fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> fmt::Result {
        print(2, text).map_err(|_| fmt::Error)
    }
}

/// Writes all of it to a descriptor.
pub(crate) fn write_all(fd: i32, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        match Error::check(sys::fd_write(fd, bytes))? {
            0 => return Err(Error::Io),
            written => bytes = bytes.get(written..).unwrap_or_default(),
        }
    }
    Ok(())
}

/// Formatted output on its way to a descriptor.
struct Buffered {
    fd: i32,
    bytes: [u8; BUFFER],
    used: usize,
    result: Result<()>,
}

impl Buffered {
    fn flush(&mut self) -> Result<()> {
        let used = core::mem::take(&mut self.used);
        if self.result.is_ok() {
            self.result = write_all(self.fd, self.bytes.get(..used).unwrap_or_default());
        }
        self.result
    }
}

impl Write for Buffered {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut text = text.as_bytes();
        while !text.is_empty() {
            if self.used == BUFFER && self.flush().is_err() {
                return Err(fmt::Error);
            }
            let room = self.bytes.get_mut(self.used..).unwrap_or_default();
            let count = room.len().min(text.len());
            let (now, later) = text.split_at(count);
            if let Some(room) = room.get_mut(..count) {
                room.copy_from_slice(now);
            }
            self.used += count;
            text = later;
        }
        Ok(())
    }
}

/// Writes formatted text to a descriptor, in pieces of up to 256 bytes. What [`print!`](crate::print!) and its kin do.
///
/// # Errors
/// [`Error::Interrupted`], or what else the guest says; [`Error::Invalid`] if a value could not be formatted.
pub fn print(fd: i32, text: fmt::Arguments<'_>) -> Result<()> {
    let mut out = Buffered {
        fd,
        bytes: [0; BUFFER],
        used: 0,
        result: Ok(()),
    };
    let formatted = out.write_fmt(text);
    out.flush()?;
    formatted.map_err(|_| Error::Invalid)
}

/// The lines of an input.
#[derive(Debug)]
pub struct Lines<R> {
    from: R,
    bytes: Vec<u8>,
    /// Where the next line begins in `bytes`.
    start: usize,
    ended: bool,
}

impl<R: Read> Lines<R> {
    /// The next line, without its line feed; the last one may lack it. `None` at the end.
    ///
    /// # Errors
    /// What the guest says; [`Error::NoMemory`] when a line is too long to be held.
    pub fn next_line(&mut self) -> Result<Option<&[u8]>> {
        let mut seen = 0;
        let len = loop {
            let rest = self.bytes.get(self.start..).unwrap_or_default();
            let new = rest.get(seen..).unwrap_or_default();
            if let Some(at) = new.iter().position(|&byte| byte == b'\n') {
                break seen + at;
            }
            seen = rest.len();
            if !self.ended && !self.fill()? {
                self.ended = true;
            }
            if self.ended {
                if seen == 0 {
                    return Ok(None);
                }
                break seen;
            }
        };
        let line = self.start..self.start + len;
        self.start = (line.end + 1).min(self.bytes.len());
        Ok(self.bytes.get(line))
    }

    /// Reads more, in place of the lines that were given. Returns false at the end.
    fn fill(&mut self) -> Result<bool> {
        self.bytes.drain(..self.start);
        self.start = 0;
        let used = self.bytes.len();
        self.bytes.try_reserve(CHUNK).map_err(|_| Error::NoMemory)?;
        self.bytes.resize(used + CHUNK, 0);
        let read = self
            .from
            .read(self.bytes.get_mut(used..).unwrap_or_default());
        self.bytes.truncate(used + read.unwrap_or(0));
        Ok(read? != 0)
    }
}

/// Prints to the client's output. What cannot be printed, because the client has gone, is lost.
#[macro_export]
macro_rules! print {
    ($($text:tt)*) => {{
        let _ = $crate::print(1, ::core::format_args!($($text)*));
    }};
}

/// Prints a line to the client's output, as [`print!`](crate::print!).
#[macro_export]
macro_rules! println {
    () => {
        $crate::print!("\n")
    };
    ($($text:tt)*) => {{
        let _ = $crate::print(1, ::core::format_args!("{}\n", ::core::format_args!($($text)*)));
    }};
}

/// Prints to the client's error output, as [`print!`](crate::print!).
#[macro_export]
macro_rules! eprint {
    ($($text:tt)*) => {{
        let _ = $crate::print(2, ::core::format_args!($($text)*));
    }};
}

/// Prints a line to the client's error output, as [`print!`](crate::print!).
#[macro_export]
macro_rules! eprintln {
    () => {
        $crate::eprint!("\n")
    };
    ($($text:tt)*) => {{
        let _ = $crate::print(2, ::core::format_args!("{}\n", ::core::format_args!($($text)*)));
    }};
}
