//! Keys and values of maps as people write them, by what the map's object says that they are.

use serde_json::Value;
use uio_bpf::bundle::MapKind;
use uio_bpf::wire::Answer;
use uio_bpf_object::types::{TypeId, Types, encode};

use super::guest::{Asked, Request};
use crate::client::hello::hex;
use crate::error::{Error, Result};
use crate::trace::guest::Guest;

/// Bytes that an argument has room for, as digits.
const ROOM: usize = 500;

/// A map, as far as values are concerned.
struct Shape {
    kind: MapKind,
    key: usize,
    value: usize,
    types: Types,
}

/// The request for `bpf map get|set|delete`, with keys and values as bytes; others as they are.
///
/// # Errors
/// [`Error::Usage`] when a value is not what the map has.
pub(super) fn typed(asked: &mut Asked<'_>, words: &[String]) -> Result<Vec<Request>> {
    let as_is = || Ok(vec![Request::new(words)]);
    let [
        "bpf",
        "map",
        command @ ("get" | "set" | "delete"),
        map,
        given @ ..,
    ] = &words.iter().map(String::as_str).collect::<Vec<_>>()[..]
    else {
        return as_is();
    };
    if given.iter().all(|word| plain(word)) {
        return as_is();
    }
    let Some(shape) = shape(asked, map) else {
        return as_is();
    };
    let mut all = vec![
        "bpf".to_owned(),
        "map".to_owned(),
        (*command).to_owned(),
        (*map).to_owned(),
    ];
    let mut input = None;
    for (place, word) in given.iter().enumerate() {
        let (id, size) = match place {
            0 => (shape.types.key, shape.key),
            _ => (shape.types.value, shape.value),
        };
        let program = place == 1 && shape.kind == MapKind::ProgramArray;
        if plain(word) || program {
            all.push((*word).to_owned());
            continue;
        }
        let bytes = bytes(&shape.types, id, size, word)?;
        if bytes.len() <= ROOM {
            all.push(format!("x:{}", hex(&bytes)));
        } else if input.replace(bytes).is_none() {
            all.push("-".to_owned());
        } else {
            return Err(Error::Usage(format!("{word}: too long besides the key")));
        }
    }
    let request = Request::new(&all);
    Ok(vec![match input {
        Some(input) => request.with(input),
        None => request,
    }])
}

/// Whether the guest reads a word itself.
fn plain(word: &str) -> bool {
    let digits = word.strip_prefix("0x");
    let number = match digits {
        Some(digits) => u64::from_str_radix(digits, 16).is_ok(),
        None => word.parse::<u64>().is_ok(),
    };
    number || word == "-" || word.starts_with("x:")
}

fn bytes(types: &Types, id: Option<TypeId>, size: usize, word: &str) -> Result<Vec<u8>> {
    let value = serde_json::from_str(word).unwrap_or_else(|_| Value::String(word.to_owned()));
    encode(types, id, size, &value).map_err(|e| Error::Usage(format!("{word}: {e}")))
}

fn shape(asked: &mut Asked<'_>, map: &str) -> Option<Shape> {
    let mut found = None;
    let mut types = Vec::new();
    let mut guest = Guest::new(asked.client);
    let answered = guest.ask(
        &["bpf", "map", "show", map],
        &[],
        &mut |answer| match answer {
            Answer::Map(map) => {
                found = Some((map.kind, map.key_size as usize, map.value_size as usize));
                types = map.types.to_vec();
            }
            Answer::More(bytes) => types.extend_from_slice(bytes),
            _ => {}
        },
    );
    answered.ok()?;
    let (kind, key, value) = found?;
    Some(Shape {
        kind,
        key,
        value,
        types: Types::from_bytes(&types).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_guest_reads_is_left_alone() {
        for word in ["7", "0x1f", "x:0102", "-", "18446744073709551615"] {
            assert!(plain(word), "{word}");
        }
        for word in ["-7", "{\"a\":1}", "seven", "0x", "0x1g", ""] {
            assert!(!plain(word), "{word}");
        }
    }

    #[test]
    fn values_become_bytes() {
        let types = Types::default();
        assert_eq!(
            bytes(&types, None, 4, "-2").unwrap(),
            (-2_i32).to_le_bytes()
        );
        assert!(bytes(&types, None, 4, "{\"a\": 1}").is_err());
    }
}
