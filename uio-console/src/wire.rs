//! The encoding of `docs/protocol.md`, section 2: what postcard writes and reads, in less code.
//!
//! [`Writer`] is a serializer for any message whose numbers, lengths and bytes go through three
//! functions that are not inlined: postcard's own costs three times the code for the same bytes.
//! That a message does not fit is noted in the writer, not returned by these, so that a message of
//! ten fields is ten calls and no branches; what calls them is inlined always, so that no names of
//! types, variants and fields are passed. [`read`] reads what hosts send. Tests hold both against
//! postcard.

use serde::ser::{self, Serialize};

use crate::{Error, Fresh, Policy, RequestId, Terms, ToGuest};

/// Writes values to the start of a buffer.
pub struct Writer<'a> {
    out: &'a mut [u8],
    /// Bytes that were written; [`FULL`] once there was no room.
    len: usize,
}

/// In place of a length: it is beyond every buffer.
const FULL: usize = usize::MAX;

impl<'a> Writer<'a> {
    /// A writer to the start of `out`.
    #[must_use]
    pub fn new(out: &'a mut [u8]) -> Self {
        Self { out, len: 0 }
    }

    /// How many bytes were written.
    ///
    /// # Errors
    /// [`Full`] when there was no room for all of them.
    pub fn finish(self) -> Result<usize, Full> {
        if self.len == FULL {
            Err(Full)
        } else {
            Ok(self.len)
        }
    }

    #[inline(never)]
    fn byte(&mut self, byte: u8) {
        match self.out.get_mut(self.len) {
            Some(place) => {
                *place = byte;
                self.len += 1;
            }
            None => self.len = FULL,
        }
    }

    #[inline(never)]
    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        let rest = self.out.get_mut(self.len..).unwrap_or_default();
        match rest.get_mut(..bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.len += bytes.len();
            }
            None => self.len = FULL,
        }
    }

    #[inline(never)]
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8);
    }

    #[inline(always)]
    fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)) as u64);
    }
}

/// The buffer is too short, or the value is of a kind that no message has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl core::fmt::Display for Full {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the message does not fit its buffer")
    }
}

impl core::error::Error for Full {}

impl ser::Error for Full {
    fn custom<T: core::fmt::Display>(_: T) -> Self {
        Self
    }
}

impl ser::Serializer for &mut Writer<'_> {
    type Ok = ();
    type Error = Full;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = ser::Impossible<(), Full>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    #[inline(always)]
    fn serialize_bool(self, value: bool) -> Result<(), Full> {
        self.byte(value.into());
        Ok(())
    }
    #[inline(always)]
    fn serialize_u8(self, value: u8) -> Result<(), Full> {
        self.byte(value);
        Ok(())
    }
    #[inline(always)]
    fn serialize_u16(self, value: u16) -> Result<(), Full> {
        self.number(value.into());
        Ok(())
    }
    #[inline(always)]
    fn serialize_u32(self, value: u32) -> Result<(), Full> {
        self.number(value.into());
        Ok(())
    }
    #[inline(always)]
    fn serialize_u64(self, value: u64) -> Result<(), Full> {
        self.number(value);
        Ok(())
    }
    #[inline(always)]
    fn serialize_i8(self, value: i8) -> Result<(), Full> {
        self.byte(value as u8);
        Ok(())
    }
    #[inline(always)]
    fn serialize_i16(self, value: i16) -> Result<(), Full> {
        self.signed(value.into());
        Ok(())
    }
    #[inline(always)]
    fn serialize_i32(self, value: i32) -> Result<(), Full> {
        self.signed(value.into());
        Ok(())
    }
    #[inline(always)]
    fn serialize_i64(self, value: i64) -> Result<(), Full> {
        self.signed(value);
        Ok(())
    }
    #[inline(always)]
    fn serialize_f32(self, _: f32) -> Result<(), Full> {
        Err(Full)
    }
    #[inline(always)]
    fn serialize_f64(self, _: f64) -> Result<(), Full> {
        Err(Full)
    }
    #[inline(always)]
    fn serialize_char(self, _: char) -> Result<(), Full> {
        Err(Full)
    }
    #[inline(always)]
    fn serialize_str(self, value: &str) -> Result<(), Full> {
        self.bytes(value.as_bytes());
        Ok(())
    }
    #[inline(always)]
    fn serialize_bytes(self, value: &[u8]) -> Result<(), Full> {
        self.bytes(value);
        Ok(())
    }
    #[inline(always)]
    fn serialize_none(self) -> Result<(), Full> {
        self.byte(0);
        Ok(())
    }
    #[inline(always)]
    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<(), Full> {
        self.byte(1);
        value.serialize(self)
    }
    #[inline(always)]
    fn serialize_unit(self) -> Result<(), Full> {
        Ok(())
    }
    #[inline(always)]
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Full> {
        Ok(())
    }
    #[inline(always)]
    fn serialize_unit_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
    ) -> Result<(), Full> {
        self.number(index.into());
        Ok(())
    }
    #[inline(always)]
    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Full> {
        value.serialize(self)
    }
    #[inline(always)]
    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Full> {
        self.number(index.into());
        value.serialize(self)
    }
    #[inline(always)]
    fn serialize_seq(self, len: Option<usize>) -> Result<Self, Full> {
        self.number(len.ok_or(Full)? as u64);
        Ok(self)
    }
    #[inline(always)]
    fn serialize_tuple(self, _: usize) -> Result<Self, Full> {
        Ok(self)
    }
    #[inline(always)]
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Full> {
        Ok(self)
    }
    #[inline(always)]
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Full> {
        self.number(index.into());
        Ok(self)
    }
    #[inline(always)]
    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Full> {
        Err(Full)
    }
    #[inline(always)]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Full> {
        Ok(self)
    }
    #[inline(always)]
    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Full> {
        self.number(index.into());
        Ok(self)
    }
    #[inline(always)]
    fn collect_str<T: ?Sized + core::fmt::Display>(self, _: &T) -> Result<(), Full> {
        Err(Full)
    }
    #[inline(always)]
    fn is_human_readable(&self) -> bool {
        false
    }
}

impl ser::SerializeSeq for &mut Writer<'_> {
    type Ok = ();
    type Error = Full;
    #[inline(always)]
    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Full> {
        value.serialize(&mut **self)
    }
    #[inline(always)]
    fn end(self) -> Result<(), Full> {
        Ok(())
    }
}

impl ser::SerializeTuple for &mut Writer<'_> {
    type Ok = ();
    type Error = Full;
    #[inline(always)]
    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Full> {
        value.serialize(&mut **self)
    }
    #[inline(always)]
    fn end(self) -> Result<(), Full> {
        Ok(())
    }
}

impl ser::SerializeTupleStruct for &mut Writer<'_> {
    type Ok = ();
    type Error = Full;
    #[inline(always)]
    fn serialize_field<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Full> {
        value.serialize(&mut **self)
    }
    #[inline(always)]
    fn end(self) -> Result<(), Full> {
        Ok(())
    }
}

impl ser::SerializeTupleVariant for &mut Writer<'_> {
    type Ok = ();
    type Error = Full;
    #[inline(always)]
    fn serialize_field<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Full> {
        value.serialize(&mut **self)
    }
    #[inline(always)]
    fn end(self) -> Result<(), Full> {
        Ok(())
    }
}

impl ser::SerializeStruct for &mut Writer<'_> {
    type Ok = ();
    type Error = Full;
    #[inline(always)]
    fn serialize_field<T: ?Sized + Serialize>(
        &mut self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Full> {
        value.serialize(&mut **self)
    }
    #[inline(always)]
    fn end(self) -> Result<(), Full> {
        Ok(())
    }
}

impl ser::SerializeStructVariant for &mut Writer<'_> {
    type Ok = ();
    type Error = Full;
    #[inline(always)]
    fn serialize_field<T: ?Sized + Serialize>(
        &mut self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Full> {
        value.serialize(&mut **self)
    }
    #[inline(always)]
    fn end(self) -> Result<(), Full> {
        Ok(())
    }
}

/// Numbers of the variants of [`FromGuest`](crate::FromGuest).
pub mod variant {
    /// [`crate::FromGuest::Hello`]; its fields follow.
    pub const HELLO: u8 = 0;
    /// [`crate::FromGuest::Stdout`]
    pub const STDOUT: u8 = 1;
    /// [`crate::FromGuest::Stderr`]
    pub const STDERR: u8 = 2;
    /// [`crate::FromGuest::Record`]
    pub const RECORD: u8 = 3;
    /// [`crate::FromGuest::Failure`]
    pub const FAILURE: u8 = 4;
    /// [`crate::FromGuest::Credit`]
    pub const CREDIT: u8 = 5;
    /// [`crate::FromGuest::Exit`]
    pub const EXIT: u8 = 6;
    /// [`crate::FromGuest::Closed`]; the reason follows.
    pub const CLOSED: u8 = 7;
}

/// Writes a message of a guest that is one value after its variant and, but for `Hello` and
/// `Closed`, its request; returns its length. Costs less code than a
/// [`FromGuest`](crate::FromGuest), and no copy of the value.
///
/// # Errors
/// [`Error::NoRoom`] when it does not fit.
pub fn write<T: Serialize>(
    variant: u8,
    id: Option<RequestId>,
    value: &T,
    out: &mut [u8],
) -> Result<usize, Error> {
    let mut writer = begin(variant, id, out);
    let written = value.serialize(&mut writer);
    written
        .and_then(|()| writer.finish())
        .map_err(|Full| Error::NoRoom)
}

/// Writes what a message starts with. (Not once for every type of a value.)
#[inline(never)]
fn begin(variant: u8, id: Option<RequestId>, out: &mut [u8]) -> Writer<'_> {
    let mut writer = Writer::new(out);
    writer.byte(variant);
    if let Some(id) = id {
        writer.number(id.0.into());
    }
    writer
}

/// Writes a `Stdout` or `Stderr`, in one copy; returns its length.
///
/// # Errors
/// [`Error::NoRoom`] when it does not fit.
pub fn write_data(variant: u8, id: RequestId, data: &[u8], out: &mut [u8]) -> Result<usize, Error> {
    let mut writer = begin(variant, Some(id), out);
    writer.bytes(data);
    writer.finish().map_err(|Full| Error::NoRoom)
}

/// Reads a message of a host from a whole payload, without copying.
///
/// # Errors
/// [`Error::Malformed`] when the payload is not one message and nothing else.
pub fn read(payload: &[u8]) -> Result<ToGuest<'_>, Error> {
    let mut reader = Reader { rest: payload };
    let variant = reader.number()?;
    let message = if variant == 0 {
        let version = u16::try_from(reader.number()?).map_err(|_| Error::Malformed)?;
        ToGuest::Hello { version }
    } else {
        let id = RequestId(reader.number()?);
        match variant {
            1 => ToGuest::Exec {
                id,
                credit: reader.number()?,
                terms: reader.terms()?,
                argv: reader.bytes()?,
            },
            2 => ToGuest::Stdin {
                id,
                data: reader.bytes()?,
            },
            3 => ToGuest::StdinEnd { id },
            4 => ToGuest::Credit {
                id,
                bytes: reader.number()?,
            },
            5 => ToGuest::Interrupt { id },
            _ => return Err(Error::Malformed),
        }
    };
    match reader.rest {
        [] => Ok(message),
        _ => Err(Error::Malformed),
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A number of up to 32 bits, in at most five bytes.
    fn number(&mut self) -> Result<u32, Error> {
        match self.rest {
            [byte @ 0..0x80, rest @ ..] => {
                self.rest = rest;
                Ok(u32::from(*byte))
            }
            _ => self.long_number(),
        }
    }

    #[inline(never)]
    fn long_number(&mut self) -> Result<u32, Error> {
        let mut number = 0u64;
        for shift in [0, 7, 14, 21, 28] {
            let (&byte, rest) = self.rest.split_first().ok_or(Error::Malformed)?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return u32::try_from(number).map_err(|_| Error::Malformed);
            }
        }
        Err(Error::Malformed)
    }

    fn flag(&mut self) -> Result<bool, Error> {
        let (&byte, rest) = self.rest.split_first().ok_or(Error::Malformed)?;
        self.rest = rest;
        match byte {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Error::Malformed),
        }
    }

    fn terms(&mut self) -> Result<Terms, Error> {
        let policy = match self.number()? {
            0 => Policy::Observe,
            1 => Policy::Control,
            2 => Policy::Full,
            _ => return Err(Error::Malformed),
        };
        let announce = self.flag()?;
        let fresh = match self.flag()? {
            true => {
                let (hash, rest) = self.rest.split_first_chunk().ok_or(Error::Malformed)?;
                self.rest = rest;
                Some(Fresh(*hash))
            }
            false => None,
        };
        Ok(Terms {
            policy,
            announce,
            fresh,
        })
    }

    fn bytes(&mut self) -> Result<&'a [u8], Error> {
        let len = self.number()? as usize;
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(Error::Malformed)?;
        self.rest = rest;
        Ok(bytes)
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
