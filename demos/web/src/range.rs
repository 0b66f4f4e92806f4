//! Byte ranges (RFC 9110, 14).

use std::ops::Range;

/// What a `Range` field asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The whole document: the field is malformed, or asks for several parts, which a server may
    /// ignore (14.2).
    Whole,
    /// These bytes (206).
    Part(Range<usize>),
    /// Bytes that the document does not have (416).
    Nothing,
}

/// What `field` wants of a document of `len` bytes.
///
/// ```
/// use web::range::{Wanted, parse};
///
/// assert_eq!(parse("bytes=0-4", 10), Wanted::Part(0..5));
/// assert_eq!(parse("bytes=-3", 10), Wanted::Part(7..10));
/// assert_eq!(parse("bytes=10-", 10), Wanted::Nothing);
/// ```
#[must_use]
pub fn parse(field: &str, len: usize) -> Wanted {
    let Some((unit, set)) = field.split_once('=') else {
        return Wanted::Whole;
    };
    let Some((first, last)) = set.trim().split_once('-') else {
        return Wanted::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    match (number(first), number(last)) {
        (Some(None), Some(Some(suffix))) if suffix > 0 && len > 0 => {
            Wanted::Part(len.saturating_sub(suffix)..len)
        }
        (Some(None), Some(Some(_))) => Wanted::Nothing,
        (Some(Some(first)), Some(None)) if first < len => Wanted::Part(first..len),
        (Some(Some(first)), Some(Some(last))) if last < first => Wanted::Whole,
        (Some(Some(first)), Some(Some(last))) if first < len => {
            Wanted::Part(first..last.saturating_add(1).min(len))
        }
        (Some(Some(_)), Some(_)) => Wanted::Nothing,
        _ => Wanted::Whole,
    }
}

/// A number, `Some(None)` for an empty text, `None` for anything else. Too large is as large as can
/// be.
fn number(text: &str) -> Option<Option<usize>> {
    if text.is_empty() {
        return Some(None);
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(Some(text.parse().unwrap_or(usize::MAX)))
}

#[cfg(test)]
mod tests {
    use super::{Wanted, parse};

    #[test]
    fn one_part_is_served() {
        for (field, part) in [
            ("bytes=0-0", 0..1),
            ("bytes=0-", 0..10),
            ("bytes=9-9", 9..10),
            ("bytes=5-100", 5..10),
            ("bytes=5-99999999999999999999999", 5..10),
            ("bytes=-1", 9..10),
            ("bytes=-100", 0..10),
            ("BYTES= 2-3", 2..4),
        ] {
            assert_eq!(parse(field, 10), Wanted::Part(part), "{field}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_served() {
        for field in [
            "bytes=10-",
            "bytes=10-12",
            "bytes=-0",
            "bytes=99999999999999999999999-",
        ] {
            assert_eq!(parse(field, 10), Wanted::Nothing, "{field}");
        }
        assert_eq!(parse("bytes=-5", 0), Wanted::Nothing);
        assert_eq!(parse("bytes=0-", 0), Wanted::Nothing);
    }

    #[test]
    fn what_is_not_understood_is_ignored() {
        for field in [
            "",
            "bytes",
            "bytes=",
            "lines=0-1",
            "bytes=-",
            "bytes=a-b",
            "bytes=3-2",
            "bytes=0-1,3-4",
            "bytes=+1-2",
        ] {
            assert_eq!(parse(field, 10), Wanted::Whole, "{field}");
        }
    }
}
