//! Values as text and JSON.

use serde_json::{Map, Value};

use super::{Encoding, Member, Type, TypeId, Types};

/// The most parts of a value that are shown.
const MOST: usize = 100_000;

/// A value, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// The bytes end before it.
    Nothing,
    /// A number.
    Number(i128),
    /// A floating-point number.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// A character.
    Character(u8),
    /// Characters up to a zero.
    Text(String),
    /// The name of an enumeration's value.
    Name(String),
    /// An address, or bytes that nothing is known of.
    Hex(String),
    /// Elements of an array.
    List(Vec<Shown>),
    /// Members of a structure.
    Fields(Vec<(String, Shown)>),
}

/// Takes a value apart. Without a type it is a number where its length allows, else its bytes.
#[must_use]
pub fn show(types: &Types, id: Option<TypeId>, bytes: &[u8]) -> Shown {
    match id {
        Some(id) => Walk { types, left: MOST }.value(id, bytes),
        None => match unsigned(bytes) {
            Some(number) if bytes.len() <= 8 && bytes.len().is_power_of_two() => {
                Shown::Number(number.cast_signed())
            }
            _ => Shown::Hex(hex(bytes)),
        },
    }
}

/// A value as JSON.
#[must_use]
pub fn render(types: &Types, id: Option<TypeId>, bytes: &[u8]) -> Value {
    show(types, id, bytes).json()
}

/// A value as one line in the manner of C.
#[must_use]
pub fn text(types: &Types, id: Option<TypeId>, bytes: &[u8]) -> String {
    show(types, id, bytes).text()
}

/// Bytes in hexadecimal, in the order in which they are in memory.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The number that up to 16 bytes are.
fn unsigned(bytes: &[u8]) -> Option<u128> {
    let mut word = [0; 16];
    word.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(u128::from_le_bytes(word))
}

/// A number of so many bits, 1 to 128, as one with a sign.
fn signed(number: u128, bits: u32) -> i128 {
    let unused = 128 - bits;
    (number << unused).cast_signed() >> unused
}

/// Goes through a value.
struct Walk<'t> {
    types: &'t Types,
    /// How many more parts may be shown.
    left: usize,
}

impl Walk<'_> {
    /// The value of a type at the beginning of some bytes. The depth of types was checked.
    fn value(&mut self, id: TypeId, bytes: &[u8]) -> Shown {
        let Some(left) = self.left.checked_sub(1) else {
            return Shown::Nothing;
        };
        self.left = left;
        let own = usize::try_from(self.types.size(id))
            .ok()
            .and_then(|size| bytes.get(..size));
        let Some(own) = own else {
            return Shown::Nothing;
        };
        match self.types.plain(id) {
            None => Shown::Nothing,
            Some(Type::Int { encoding, .. }) => integer(*encoding, own),
            Some(Type::Float { .. }) => float(own),
            Some(Type::Pointer { .. }) => pointer(own),
            Some(Type::Enum { values, signed, .. }) => enumeration(values, *signed, own),
            Some(Type::Array { element, count }) => self.array(*element, *count, own),
            Some(Type::Composite { members, .. }) => self.composite(members, own),
            Some(Type::Name { .. }) => Shown::Nothing,
        }
    }

    fn array(&mut self, element: TypeId, count: u32, own: &[u8]) -> Shown {
        let character = matches!(
            self.types.plain(element),
            Some(Type::Int {
                encoding: Encoding::Character,
                size: 1,
                ..
            })
        );
        if character && let Some(text) = text_of(own) {
            return Shown::Text(text);
        }
        let size = usize::try_from(self.types.size(element)).unwrap_or(usize::MAX);
        if size == 0 {
            return Shown::List(Vec::new());
        }
        let elements = own.chunks(size).take(count as usize).take(self.left);
        Shown::List(elements.map(|bytes| self.value(element, bytes)).collect())
    }

    fn composite(&mut self, members: &[Member], own: &[u8]) -> Shown {
        let mut fields = Vec::new();
        for member in members.iter().take(self.left) {
            let shown = self.member(member, own);
            match shown {
                // Members of a nameless member are the structure's own.
                Shown::Fields(inner) if member.name.is_empty() => fields.extend(inner),
                shown => fields.push((member.name.clone(), shown)),
            }
        }
        Shown::Fields(fields)
    }

    fn member(&mut self, member: &Member, own: &[u8]) -> Shown {
        if member.bits == 0 && member.offset.is_multiple_of(8) {
            let from = member.offset as usize / 8;
            return match own.get(from..) {
                Some(bytes) => self.value(member.of, bytes),
                None => Shown::Nothing,
            };
        }
        let Some(left) = self.left.checked_sub(1) else {
            return Shown::Nothing;
        };
        self.left = left;
        let Some(bits) = bit_field(own, member) else {
            return Shown::Nothing;
        };
        let width = u32::from(member.bits);
        match self.types.plain(member.of) {
            Some(Type::Int { encoding, .. }) => match encoding {
                Encoding::Signed => Shown::Number(signed(bits, width)),
                Encoding::Boolean => Shown::Boolean(bits != 0),
                _ => Shown::Number(bits.cast_signed()),
            },
            Some(Type::Enum {
                values, signed: s, ..
            }) => {
                let number = if *s {
                    signed(bits, width)
                } else {
                    bits.cast_signed()
                };
                named(values, number)
            }
            _ => Shown::Nothing,
        }
    }
}

/// The bits of a bit field, 1 to 64 of them.
fn bit_field(own: &[u8], member: &Member) -> Option<u128> {
    let bits = u32::from(member.bits);
    let shift = member.offset % 8;
    if bits == 0 || bits > 64 {
        return None;
    }
    let from = member.offset as usize / 8;
    let len = (shift + bits).div_ceil(8) as usize;
    let word = unsigned(own.get(from..from.checked_add(len)?)?)?;
    Some(word >> shift & ((1 << bits) - 1))
}

fn integer(encoding: Encoding, own: &[u8]) -> Shown {
    let number = match unsigned(own) {
        // Natural numbers of 16 bytes may be more than fits.
        Some(number) if !own.is_empty() && own.len() <= 8 => number,
        _ => return Shown::Hex(hex(own)),
    };
    match (encoding, own) {
        (Encoding::Boolean, _) => Shown::Boolean(number != 0),
        (Encoding::Character, &[byte]) => Shown::Character(byte),
        (Encoding::Signed, _) => Shown::Number(signed(number, own.len() as u32 * 8)),
        _ => Shown::Number(number.cast_signed()),
    }
}

fn float(own: &[u8]) -> Shown {
    if let Ok(bytes) = own.try_into() {
        return Shown::Float(f64::from(f32::from_le_bytes(bytes)));
    }
    match own.try_into() {
        Ok(bytes) => Shown::Float(f64::from_le_bytes(bytes)),
        Err(_) => Shown::Hex(hex(own)),
    }
}

fn pointer(own: &[u8]) -> Shown {
    Shown::Hex(format!("{:#x}", unsigned(own).unwrap_or_default()))
}

fn enumeration(values: &[(String, i64)], is_signed: bool, own: &[u8]) -> Shown {
    let number = match unsigned(own) {
        Some(number) if !own.is_empty() && own.len() <= 8 => number,
        _ => return Shown::Hex(hex(own)),
    };
    let bits = own.len() as u32 * 8;
    // Values of 64 bits are kept as if they were signed.
    let number = match is_signed || bits == 64 {
        true => signed(number, bits),
        false => number.cast_signed(),
    };
    match named(values, number) {
        Shown::Number(number) if !is_signed && number < 0 => {
            Shown::Number(i128::from(number as u64))
        }
        shown => shown,
    }
}

fn named(values: &[(String, i64)], number: i128) -> Shown {
    let value = values
        .iter()
        .find(|(_, value)| i128::from(*value) == number);
    match value {
        Some((name, _)) => Shown::Name(name.clone()),
        None => Shown::Number(number),
    }
}

/// Characters up to a zero, if they are all printable.
fn text_of(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|&byte| byte == 0);
    let text = std::str::from_utf8(bytes.get(..end.unwrap_or(bytes.len()))?).ok()?;
    let printable = text
        .chars()
        .all(|c| !c.is_control() || c == '\n' || c == '\t');
    printable.then(|| text.to_owned())
}

impl Shown {
    /// As JSON; addresses and plain bytes are strings.
    #[must_use]
    pub fn json(&self) -> Value {
        match self {
            Self::Nothing => Value::Null,
            Self::Number(number) => match (i64::try_from(*number), u64::try_from(*number)) {
                (Ok(number), _) => number.into(),
                (_, Ok(number)) => number.into(),
                _ => number.to_string().into(),
            },
            Self::Float(number) => match number.is_finite() {
                true => (*number).into(),
                false => number.to_string().into(),
            },
            Self::Boolean(yes) => (*yes).into(),
            Self::Character(byte) => (*byte).into(),
            Self::Text(text) | Self::Name(text) | Self::Hex(text) => text.as_str().into(),
            Self::List(elements) => elements.iter().map(Self::json).collect(),
            Self::Fields(fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, shown)| (name.clone(), shown.json()));
                Value::Object(fields.collect::<Map<_, _>>())
            }
        }
    }

    /// As one line in the manner of C.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Nothing => out.push('?'),
            Self::Number(number) => out.push_str(&number.to_string()),
            Self::Float(number) => out.push_str(&number.to_string()),
            Self::Boolean(yes) => out.push_str(if *yes { "true" } else { "false" }),
            Self::Character(byte) => match byte {
                b' '..=b'~' => out.push_str(&format!("'{}'", char::from(*byte).escape_default())),
                _ => out.push_str(&byte.to_string()),
            },
            Self::Text(text) => out.push_str(&format!("{text:?}")),
            Self::Name(text) | Self::Hex(text) => out.push_str(text),
            Self::List(elements) => {
                out.push('{');
                for (index, element) in elements.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { ", " });
                    element.write(out);
                }
                out.push('}');
            }
            Self::Fields(fields) => {
                out.push('{');
                for (index, (name, shown)) in fields.iter().enumerate() {
                    out.push_str(if index == 0 { "." } else { ", ." });
                    out.push_str(name);
                    out.push_str(" = ");
                    shown.write(out);
                }
                out.push('}');
            }
        }
    }
}
