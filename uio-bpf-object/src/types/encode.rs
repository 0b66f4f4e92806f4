//! Values out of JSON: what a user writes, as bytes.

use serde_json::Value;

use super::{Member, Type, TypeId, Types};

/// Why a value cannot be made of what was written; the text says what and what would do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(String);

fn unfit<T>(words: String) -> Result<T, Unfit> {
    Err(Unfit(words))
}

/// The bytes of a value of `size` bytes: a number, a string of hexadecimal digits for all of it, or what
/// [`render`](super::render) gives for its type. Members that are left out are zero.
///
/// # Errors
/// [`Unfit`]
pub fn encode(
    types: &Types,
    id: Option<TypeId>,
    size: usize,
    value: &Value,
) -> Result<Vec<u8>, Unfit> {
    let mut out = vec![0; size];
    match id {
        Some(id) if types.size(id) == size as u64 => put(types, id, value, "the value", &mut out)?,
        _ => untyped(value, &mut out)?,
    }
    Ok(out)
}

/// A number, or bytes in hexadecimal.
fn untyped(value: &Value, out: &mut [u8]) -> Result<(), Unfit> {
    if let Value::String(text) = value
        && let Some(bytes) = bytes_of(text)
        && bytes.len() == out.len()
    {
        out.copy_from_slice(&bytes);
        return Ok(());
    }
    let what = format!(
        "a number, or a string of {} hexadecimal digits",
        out.len() * 2
    );
    match number(value) {
        Some(number) if out.len() <= 8 => integer(number, "the value", out),
        _ => unfit(format!("{value} does not fit: write {what}")),
    }
}

fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    pairs
        .remainder()
        .is_empty()
        .then(|| pairs.map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// A number, also one in a string (`0x…` or decimal).
fn number(value: &Value) -> Option<i128> {
    match value {
        Value::Number(number) => number
            .as_i64()
            .map(i128::from)
            .or_else(|| number.as_u64().map(i128::from)),
        Value::Bool(yes) => Some((*yes).into()),
        Value::String(text) => match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok().map(i128::from),
            None => text.parse().ok(),
        },
        _ => None,
    }
}

/// Writes a number that fits as a signed or unsigned one.
fn integer(number: i128, what: &str, out: &mut [u8]) -> Result<(), Unfit> {
    let bits = out.len() as u32 * 8;
    let fits = bits > 64 || (number >= -(1 << (bits.max(1) - 1)) && number < 1 << bits);
    if !fits {
        return unfit(format!(
            "{what}: {number} does not fit into {} bytes",
            out.len()
        ));
    }
    let bytes = number.to_le_bytes();
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = from;
    }
    Ok(())
}

/// Writes a value of a type into its own bytes. The depth of types was checked.
fn put(types: &Types, id: TypeId, value: &Value, what: &str, out: &mut [u8]) -> Result<(), Unfit> {
    let wrong = |wanted: &str| {
        let name = types.c_name(id);
        unfit(format!(
            "{what} is `{name}`: {value} does not fit, write {wanted}"
        ))
    };
    match types.plain(id) {
        Some(Type::Int { .. } | Type::Pointer { .. }) if out.len() <= 8 => match number(value) {
            Some(number) => integer(number, what, out),
            None => wrong("a number"),
        },
        Some(Type::Enum { values, .. }) => {
            let named = value
                .as_str()
                .and_then(|name| values.iter().find(|(known, _)| known == name));
            match (named, number(value)) {
                (Some((_, number)), _) => {
                    for (to, from) in out.iter_mut().zip(number.to_le_bytes()) {
                        *to = from;
                    }
                    Ok(())
                }
                (None, Some(number)) => integer(number, what, out),
                (None, None) => wrong("one of its names, or a number"),
            }
        }
        Some(Type::Float { .. }) => match (value.as_f64(), out.len()) {
            (Some(number), 4) => {
                out.copy_from_slice(&(number as f32).to_le_bytes());
                Ok(())
            }
            (Some(number), 8) => {
                out.copy_from_slice(&number.to_le_bytes());
                Ok(())
            }
            _ => wrong("a number"),
        },
        Some(Type::Array { element, count }) => array(types, *element, *count, value, what, out),
        Some(Type::Composite { members, .. }) => {
            let Value::Object(fields) = value else {
                return wrong("an object with its members");
            };
            for (name, field) in fields {
                if !member(types, members, name, field, out)? {
                    return wrong(&format!("no `{name}`, which it does not have"));
                }
            }
            Ok(())
        }
        _ => untyped(value, out),
    }
}

fn array(
    types: &Types,
    element: TypeId,
    count: u32,
    value: &Value,
    what: &str,
    out: &mut [u8],
) -> Result<(), Unfit> {
    let size = usize::try_from(types.size(element)).unwrap_or(0);
    match value {
        Value::String(text) if size == 1 && text.len() <= out.len() => {
            for (to, from) in out.iter_mut().zip(text.bytes()) {
                *to = from;
            }
            Ok(())
        }
        Value::Array(elements) if size > 0 && elements.len() <= count as usize => {
            for (to, from) in out.chunks_exact_mut(size).zip(elements) {
                put(types, element, from, what, to)?;
            }
            Ok(())
        }
        _ => unfit(format!(
            "{what}: write an array of at most {count} elements"
        )),
    }
}

/// Writes a member, also one of a nameless member; false if there is none of that name.
fn member(
    types: &Types,
    members: &[Member],
    name: &str,
    value: &Value,
    out: &mut [u8],
) -> Result<bool, Unfit> {
    for member in members {
        let from = member.offset as usize / 8;
        if member.name.is_empty() {
            if let (Some(Type::Composite { members, .. }), Some(out)) =
                (types.plain(member.of), out.get_mut(from..))
                && self::member(types, members, name, value, out)?
            {
                return Ok(true);
            }
        } else if member.name == name {
            if member.bits != 0 {
                return bits(member, value, out).map(|()| true);
            }
            let size = usize::try_from(types.size(member.of)).unwrap_or(usize::MAX);
            let own = out.get_mut(from..).and_then(|rest| rest.get_mut(..size));
            return match own {
                Some(own) => put(types, member.of, value, name, own).map(|()| true),
                None => unfit(format!("`{name}` lies outside its structure")),
            };
        }
    }
    Ok(false)
}

fn bits(member: &Member, value: &Value, out: &mut [u8]) -> Result<(), Unfit> {
    let width = u32::from(member.bits);
    let name = &member.name;
    let number = match number(value) {
        Some(number) if width <= 64 && number >= -(1 << (width - 1)) && number < 1 << width => {
            number
        }
        _ => return unfit(format!("`{name}`: {value} does not fit into {width} bits")),
    };
    for bit in 0..width {
        let at = member.offset as usize + bit as usize;
        let Some(byte) = out.get_mut(at / 8) else {
            return unfit(format!("`{name}` lies outside its structure"));
        };
        let mask = 1 << (at % 8);
        match number >> bit & 1 {
            0 => *byte &= !mask,
            _ => *byte |= mask,
        }
    }
    Ok(())
}
