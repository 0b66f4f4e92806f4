//! From the request target to a path.

use std::borrow::Cow;

use thiserror::Error;

/// Why a request target names nothing that could be served. Every one is the client's fault (400).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TargetError {
    /// Neither `/path` nor `http://host/path` (RFC 9112, 3.2).
    #[error("the request target is neither a path nor an http URL")]
    Form,
    /// A `%` without two hexadecimal digits (RFC 3986, 2.1).
    #[error("a percent sign without two hexadecimal digits")]
    Percent,
    /// A NUL, a control character or bytes that are not UTF-8, after decoding.
    #[error("a character that no path has")]
    Character,
    /// A `..` segment, or a backslash: an attempt to leave the tree.
    #[error("a path that climbs out")]
    Traversal,
}

/// The path that `target` names: decoded, without query, without empty and `.` segments.
///
/// # Errors
///
/// As [`TargetError`] says.
///
/// ```
/// use web::target::{TargetError, path};
///
/// assert_eq!(path("/a%20b?x=1").as_deref(), Ok("/a b"));
/// assert_eq!(path("http://host:80/a/./b"), Ok("/a/b".into()));
/// assert_eq!(path("/a/%2e%2e/secret"), Err(TargetError::Traversal));
/// ```
pub fn path(target: &str) -> Result<Cow<'_, str>, TargetError> {
    let path = origin_form(target)?;
    let path = path.split_once(['?', '#']).map_or(path, |(path, _)| path);
    let decoded = decode(path)?;
    if decoded.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return Err(TargetError::Character);
    }
    if decoded.contains('\\') || decoded.split('/').any(|segment| segment == "..") {
        return Err(TargetError::Traversal);
    }
    Ok(squeeze(decoded))
}

/// Strips `http://authority` (RFC 9112, 3.2.2), which a server must accept.
fn origin_form(target: &str) -> Result<&str, TargetError> {
    if target.starts_with('/') {
        return Ok(target);
    }
    let scheme = target.get(..7).ok_or(TargetError::Form)?;
    if !scheme.eq_ignore_ascii_case("http://") {
        return Err(TargetError::Form);
    }
    let rest = target.get(7..).unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() {
        return Err(TargetError::Form);
    }
    match rest.get(authority.len()..) {
        Some(path) if path.starts_with('/') => Ok(path),
        _ => Ok("/"),
    }
}

fn decode(path: &str) -> Result<Cow<'_, str>, TargetError> {
    if !path.contains('%') {
        return Ok(Cow::Borrowed(path));
    }
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = bytes.next().and_then(hex).ok_or(TargetError::Percent)?;
            let low = bytes.next().and_then(hex).ok_or(TargetError::Percent)?;
            decoded.push(high << 4 | low);
        } else {
            decoded.push(byte);
        }
    }
    match String::from_utf8(decoded) {
        Ok(decoded) => Ok(Cow::Owned(decoded)),
        Err(_) => Err(TargetError::Character),
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// Removes empty and `.` segments; a slash at the end stays.
fn squeeze(path: Cow<'_, str>) -> Cow<'_, str> {
    let inner = path.get(1..).unwrap_or_default();
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    let clean = |segment: &str| !segment.is_empty() && segment != ".";
    if inner.is_empty() && path.len() <= 1 || inner.split('/').all(clean) {
        return path;
    }
    let mut squeezed = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| clean(segment)) {
        squeezed.push('/');
        squeezed.push_str(segment);
    }
    if squeezed.is_empty() || path.ends_with('/') {
        squeezed.push('/');
    }
    Cow::Owned(squeezed)
}

#[cfg(test)]
mod tests {
    use super::{TargetError, path};

    #[test]
    fn plain_paths_are_borrowed() {
        for plain in ["/", "/a", "/a/b.html", "/a/b/"] {
            let path = path(plain).expect("a path");
            assert_eq!(path, plain);
            assert!(matches!(path, std::borrow::Cow::Borrowed(_)));
        }
    }

    #[test]
    fn paths_are_decoded_and_squeezed() {
        for (target, expected) in [
            ("/?a=b", "/"),
            ("/%41%62", "/Ab"),
            ("/caf%C3%A9", "/café"),
            ("/a%2Fb", "/a/b"),
            ("//", "/"),
            ("///a//b", "/a/b"),
            ("/./a/././b/", "/a/b/"),
            ("/a/.", "/a"),
            ("/%3Fq", "/?q"),
            ("http://h", "/"),
            ("HTTP://h:8080/x#y", "/x"),
            ("http://h?x", "/"),
            ("/..a/b..", "/..a/b.."),
        ] {
            assert_eq!(path(target).as_deref(), Ok(expected), "{target}");
        }
    }

    #[test]
    fn nothing_climbs_out() {
        for target in [
            "/..",
            "/../etc/passwd",
            "/a/../b",
            "/a/..",
            "/%2e%2e/a",
            "/.%2E/a",
            "/..%2fa",
            "/a\\..\\b",
            "/%5c",
            "http://h/../a",
        ] {
            assert_eq!(path(target), Err(TargetError::Traversal), "{target}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for (target, error) in [
            ("", TargetError::Form),
            ("*", TargetError::Form),
            ("a", TargetError::Form),
            ("host:80", TargetError::Form),
            ("https://h/", TargetError::Form),
            ("http://", TargetError::Form),
            ("http:///a", TargetError::Form),
            ("/%", TargetError::Percent),
            ("/%1", TargetError::Percent),
            ("/%zz", TargetError::Percent),
            ("/%+1", TargetError::Percent),
            ("/%00", TargetError::Character),
            ("/%0a", TargetError::Character),
            ("/%7f", TargetError::Character),
            ("/%ff", TargetError::Character),
        ] {
            assert_eq!(path(target), Err(error), "{target}");
        }
    }
}
