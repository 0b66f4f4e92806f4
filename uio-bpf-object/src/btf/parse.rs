//! Reading `.BTF`.

use std::collections::HashMap;

use super::bytes::{Reader, part};
use super::{Btf, Error, Kind, Member, Type};

/// The first two bytes of both sections (BTF, 2).
pub(super) const MAGIC: u16 = 0xeb9f;

/// The version.
pub(super) const VERSION: u8 = 1;

/// The longest string, with its zero: many names may be one string, so that reading them all must not take long.
pub const LONGEST: usize = 16 * 1024;

/// Encodings of integers (BTF, 2.2.1).
const INT_SIGNED: u32 = 1;
const INT_CHAR: u32 = 2;
const INT_BOOL: u32 = 4;

/// Linkage of a variable that is defined elsewhere (BTF, 2.2.14).
const EXTERN: u32 = 2;

impl<'a> Btf<'a> {
    /// Reads the section `.BTF`.
    ///
    /// # Errors
    /// [`Error`]
    pub fn read(section: &'a [u8]) -> Result<Self, Error> {
        let mut header = Reader::new(section);
        let what = "its header";
        if header.u16(what)? != MAGIC {
            return Err(Error::Magic);
        }
        let version = header.u8(what)?;
        if version != VERSION {
            return Err(Error::Version(version));
        }
        let _flags = header.u8(what)?;
        let len = header.u32(what)?;
        let (type_offset, type_len) = (header.u32(what)?, header.u32(what)?);
        let (string_offset, string_len) = (header.u32(what)?, header.u32(what)?);
        let body = section.get(len as usize..).ok_or(Error::Short(what))?;
        let strings = part(body, string_offset, string_len, "its strings")?;
        let mut btf = Btf {
            strings,
            types: Vec::new(),
            sections: HashMap::new(),
        };
        let mut reader = Reader::new(part(body, type_offset, type_len, "its types")?);
        while !reader.is_empty() {
            let next = btf.read_type(&mut reader)?;
            btf.types.push(next);
            if let Some(Type {
                name,
                kind: Kind::Section { .. },
            }) = btf.types.last()
            {
                btf.sections.insert(name, btf.types.len() as u32);
            }
        }
        Ok(btf)
    }

    /// The string at an offset.
    ///
    /// # Errors
    /// [`Error::String`]
    pub fn string(&self, offset: u32) -> Result<&'a str, Error> {
        let bytes = self.bytes(offset)?;
        std::str::from_utf8(bytes).map_err(|_| Error::String(offset))
    }

    /// The bytes of the string at an offset: those before a zero.
    ///
    /// # Errors
    /// [`Error::String`], also when there are more than [`LONGEST`].
    pub fn bytes(&self, offset: u32) -> Result<&'a [u8], Error> {
        if offset == 0 {
            return Ok(b"");
        }
        let rest = self.strings.get(offset as usize..);
        let rest = rest.ok_or(Error::String(offset))?;
        let near = rest.get(..LONGEST).unwrap_or(rest);
        let end = near.iter().position(|&byte| byte == 0);
        near.get(..end.ok_or(Error::String(offset))?)
            .ok_or(Error::String(offset))
    }

    /// Reads the next type (BTF, 2.2): name, `info`, size or type, and what follows for its kind.
    fn read_type(&self, reader: &mut Reader<'a>) -> Result<Type<'a>, Error> {
        let what = "a type";
        let name = self.string(reader.u32(what)?)?;
        let info = reader.u32(what)?;
        let of = reader.u32(what)?;
        let count = info & 0xffff;
        let flag = info >> 31 != 0;
        let kind = match (info >> 24 & 0x1f) as u8 {
            1 => int(reader.u32(what)?, of),
            2 => Kind::Pointer(of),
            3 => read_array(reader)?,
            4 => self.read_composite(reader, of, false, count, flag)?,
            5 => self.read_composite(reader, of, true, count, flag)?,
            6 => self.read_enum(reader, of, count, flag, false)?,
            7 => Kind::Forward { union: flag },
            8 => Kind::Typedef(of),
            9 => Kind::Volatile(of),
            10 => Kind::Const(of),
            11 => Kind::Restrict(of),
            12 => Kind::Function(of),
            13 => self.read_prototype(reader, of, count)?,
            14 => Kind::Variable {
                of,
                external: reader.u32(what)? == EXTERN,
            },
            15 => read_section(reader, count)?,
            16 => Kind::Float(of),
            17 => {
                let _component = reader.u32(what)?;
                Kind::DeclarationTag(of)
            }
            18 => Kind::TypeTag(of),
            19 => self.read_enum(reader, of, count, flag, true)?,
            // Kind 0 is void, which has no entry of its own.
            kind => {
                let id = self.types.len() as u32 + 1;
                return Err(Error::Kind { id, kind });
            }
        };
        Ok(Type { name, kind })
    }

    fn read_composite(
        &self,
        reader: &mut Reader<'a>,
        size: u32,
        union: bool,
        count: u32,
        bit_fields: bool,
    ) -> Result<Kind<'a>, Error> {
        let what = "a member";
        let mut members = Vec::new();
        for _ in 0..count {
            let name = self.string(reader.u32(what)?)?;
            let of = reader.u32(what)?;
            let offset = reader.u32(what)?;
            let (offset, bits) = match bit_fields {
                true => (offset & 0xff_ffff, (offset >> 24) as u8),
                false => (offset, 0),
            };
            members.push(Member {
                name,
                of,
                offset,
                bits,
            });
        }
        Ok(Kind::Composite {
            size,
            union,
            members,
        })
    }

    fn read_enum(
        &self,
        reader: &mut Reader<'a>,
        size: u32,
        count: u32,
        signed: bool,
        wide: bool,
    ) -> Result<Kind<'a>, Error> {
        let what = "a value of an enumeration";
        let mut values = Vec::new();
        for _ in 0..count {
            let name = self.string(reader.u32(what)?)?;
            let low = reader.u32(what)?;
            let value = match (wide, signed) {
                (true, _) => (u64::from(reader.u32(what)?) << 32 | u64::from(low)).cast_signed(),
                (false, true) => i64::from(low.cast_signed()),
                // Compilers before BTF told signed from unsigned wrote signed values alike.
                (false, false) => i64::from(low),
            };
            values.push((name, value));
        }
        Ok(Kind::Enum {
            size,
            signed,
            values,
        })
    }

    fn read_prototype(
        &self,
        reader: &mut Reader<'a>,
        returns: u32,
        count: u32,
    ) -> Result<Kind<'a>, Error> {
        let what = "a parameter";
        let mut parameters = Vec::new();
        for _ in 0..count {
            let name = self.string(reader.u32(what)?)?;
            parameters.push((name, reader.u32(what)?));
        }
        Ok(Kind::Prototype {
            returns,
            parameters,
        })
    }
}

fn int<'a>(data: u32, size: u32) -> Kind<'a> {
    let encoding = data >> 24 & 0xf;
    Kind::Int {
        size,
        bits: (data & 0xff) as u8,
        offset: (data >> 16 & 0xff) as u8,
        signed: encoding & INT_SIGNED != 0,
        boolean: encoding & INT_BOOL != 0,
        character: encoding & INT_CHAR != 0,
    }
}

fn read_array<'a>(reader: &mut Reader<'a>) -> Result<Kind<'a>, Error> {
    let what = "an array";
    let element = reader.u32(what)?;
    let _index = reader.u32(what)?;
    let count = reader.u32(what)?;
    Ok(Kind::Array { element, count })
}

fn read_section<'a>(reader: &mut Reader<'a>, count: u32) -> Result<Kind<'a>, Error> {
    let what = "a variable of a section";
    let mut variables = Vec::new();
    for _ in 0..count {
        variables.push((reader.u32(what)?, reader.u32(what)?, reader.u32(what)?));
    }
    Ok(Kind::Section { variables })
}
