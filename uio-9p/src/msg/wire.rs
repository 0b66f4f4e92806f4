//! Reading and writing fields: little-endian integers, counted strings (9P2000, `intro(5)`).
//!
//! Both sides remember the first fault and go on, so a message's code is a plain list of its fields, and the
//! fault is asked for once, at the end.

use crate::error::Error;

/// Puts fields into a buffer, and counts on when the buffer is full.
pub struct Writer<'b> {
    out: &'b mut [u8],
    at: usize,
    bad: bool,
}

impl<'b> Writer<'b> {
    /// Starts at the first byte of `out`.
    pub fn new(out: &'b mut [u8]) -> Self {
        Self {
            out,
            at: 0,
            bad: false,
        }
    }

    /// Puts the lowest `len` bytes of `value`, little-endian.
    #[inline(never)] // called for nearly every field: its size counts, not its call
    fn int(&mut self, value: u64, len: usize) {
        self.bytes(value.to_le_bytes().get(..len).unwrap_or_default());
    }

    /// Puts `bytes` as they are.
    #[inline(never)]
    pub fn bytes(&mut self, bytes: &[u8]) {
        let end = self.at.saturating_add(bytes.len());
        if let Some(room) = self.out.get_mut(self.at..end) {
            room.copy_from_slice(bytes);
        }
        self.at = end;
    }

    /// Says that a value cannot be sent in this protocol, such as a name of more than 65,535 bytes.
    pub fn fail(&mut self) {
        self.bad = true;
    }

    /// The number of bytes written.
    ///
    /// # Errors
    /// [`Error::BufferFull`] when they did not fit, [`Error::BadValue`] after [`Writer::fail`].
    #[inline(never)]
    pub fn finish(self) -> Result<usize, Error> {
        if self.bad {
            Err(Error::BadValue)
        } else if self.at > self.out.len() {
            Err(Error::BufferFull {
                need: clamp(self.at),
            })
        } else {
            Ok(self.at)
        }
    }
}

/// Takes fields out of a message; after its end every field is zero or empty.
pub struct Reader<'a> {
    rest: &'a [u8],
    /// Length of the whole message in bytes.
    have: usize,
    /// Bytes that the first field that was cut off lacks.
    missing: usize,
    bad: bool,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte of `message`.
    #[must_use]
    pub fn new(message: &'a [u8]) -> Self {
        Self {
            rest: message,
            have: message.len(),
            missing: 0,
            bad: false,
        }
    }

    /// The next `count` bytes.
    #[inline(never)] // called for many fields: its size counts, not its call
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        match self.rest.split_at_checked(count) {
            Some((bytes, rest)) => {
                self.rest = rest;
                bytes
            }
            None => self.cut(count),
        }
    }

    /// Takes note of a field of `count` bytes that is not all there.
    #[cold]
    fn cut(&mut self, count: usize) -> &'a [u8] {
        if self.missing == 0 {
            self.missing = count - self.rest.len();
        }
        self.rest = &[];
        &[]
    }

    /// The next `N` bytes, zero when they are not there.
    fn array<const N: usize>(&mut self) -> [u8; N] {
        match self.rest.split_first_chunk::<N>() {
            Some((bytes, rest)) => {
                self.rest = rest;
                *bytes
            }
            None => {
                self.cut(N);
                [0; N]
            }
        }
    }

    /// The bytes not yet taken.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether bytes are left and no field was cut off.
    #[must_use]
    pub fn more(&self) -> bool {
        !self.rest.is_empty()
    }

    /// Says that a field has a value that the protocol does not know.
    pub fn fail(&mut self) {
        self.bad = true;
    }

    /// The fault of any field so far, whether or not bytes are left.
    ///
    /// # Errors
    /// [`Error::Short`] when a field was cut off, [`Error::BadValue`] after [`Reader::fail`].
    #[inline(never)]
    pub fn check(&self) -> Result<(), Error> {
        if self.missing > 0 {
            Err(Error::Short {
                need: clamp(self.have.saturating_add(self.missing)),
            })
        } else if self.bad {
            Err(Error::BadValue)
        } else {
            Ok(())
        }
    }

    /// Ends the message.
    ///
    /// # Errors
    /// As [`Reader::check`], and [`Error::Trailing`] when bytes are left.
    #[inline(never)]
    pub fn finish(self) -> Result<(), Error> {
        self.check()?;
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Error::Trailing {
                extra: clamp(self.rest.len()),
            })
        }
    }
}

/// Sizes in errors are 32 bits wide, as the protocol's are.
pub(crate) fn clamp(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

/// A field of a message.
pub trait Wire<'a>: Sized {
    /// Writes the field.
    fn put(&self, to: &mut Writer<'_>);
    /// Reads the field; zero or empty when the message is cut off.
    fn get(from: &mut Reader<'a>) -> Self;
}

macro_rules! integer {
    ($($int:ty),*) => {$(
        impl<'a> Wire<'a> for $int {
            fn put(&self, to: &mut Writer<'_>) {
                to.int(u64::from(*self), size_of::<Self>());
            }
            #[inline(never)]
            fn get(from: &mut Reader<'a>) -> Self {
                Self::from_le_bytes(from.array())
            }
        }
    )*};
}
integer!(u8, u16, u32, u64);

/// A counted string, `len[2] bytes[len]`: a file's name, any bytes but `/` and NUL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Str<'a>(pub &'a [u8]);

impl<'a> Wire<'a> for Str<'a> {
    #[inline(never)]
    fn put(&self, to: &mut Writer<'_>) {
        match u16::try_from(self.0.len()) {
            Ok(len) => len.put(to),
            Err(_) => to.fail(),
        }
        to.bytes(self.0);
    }
    #[inline(never)]
    fn get(from: &mut Reader<'a>) -> Self {
        let len = u16::get(from);
        Self(from.bytes(usize::from(len)))
    }
}

/// Counted bytes, `count[4] bytes[count]`: what is read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data<'a>(pub &'a [u8]);

impl<'a> Wire<'a> for Data<'a> {
    fn put(&self, to: &mut Writer<'_>) {
        match u32::try_from(self.0.len()) {
            Ok(len) => len.put(to),
            Err(_) => to.fail(),
        }
        to.bytes(self.0);
    }
    fn get(from: &mut Reader<'a>) -> Self {
        let len = u32::get(from);
        Self(from.bytes(usize::try_from(len).unwrap_or(usize::MAX)))
    }
}
