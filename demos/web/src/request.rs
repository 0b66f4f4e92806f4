//! The head of a request.

use httparse::{EMPTY_HEADER, Header, Status};
use thiserror::Error;

use crate::body::Framing;

/// What a request wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Send the document.
    Get,
    /// Send what would come before it.
    Head,
    /// A method of the standards that no resource here has (405).
    Known,
    /// A method that this server does not know (501).
    Unknown,
}

/// A request without its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// What is wanted.
    pub method: Method,
    /// Of what: the request target as it was sent.
    pub target: &'a str,
    /// Whether the client understands HTTP/1.1.
    pub one_one: bool,
    /// Whether the client wants the connection to stay open.
    pub keep_alive: bool,
    /// Whether the client waits for "100 Continue" before it sends the body.
    pub expects_continue: bool,
    /// How the body is delimited.
    pub framing: Framing,
    /// The field `If-None-Match`.
    pub if_none_match: Option<&'a str>,
    /// The field `If-Range`.
    pub if_range: Option<&'a str>,
    /// The field `Range`.
    pub range: Option<&'a str>,
}

/// Why a head is not one; the status to answer is [`HeadError::status`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeadError {
    /// Not HTTP.
    #[error("not an HTTP request")]
    Syntax,
    /// Not HTTP/1.0 or HTTP/1.1.
    #[error("a version of HTTP that is not spoken here")]
    Version,
    /// More header fields than [`MOST_FIELDS`].
    #[error("too many header fields")]
    TooManyFields,
    /// An HTTP/1.1 request has exactly one `Host` (RFC 9112, 3.2).
    #[error("not exactly one valid Host field")]
    Host,
    /// `Content-Length` is no number, or says different things, or stands beside
    /// `Transfer-Encoding` (RFC 9112, 6.3).
    #[error("the length of the body is ambiguous")]
    Length,
    /// A transfer coding other than `chunked` (RFC 9112, 6.1).
    #[error("a transfer coding that is not known here")]
    Coding,
    /// An `Expect` that is not `100-continue` (RFC 9110, 10.1.1).
    #[error("an expectation that cannot be met")]
    Expectation,
}

impl HeadError {
    /// The status that says so.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Syntax | Self::Host | Self::Length => 400,
            Self::Expectation => 417,
            Self::TooManyFields => 431,
            Self::Coding => 501,
            Self::Version => 505,
        }
    }
}

/// The most header fields of a request.
pub const MOST_FIELDS: usize = 64;

/// Reads a head from the start of `input`: the request and its length, or `None` when it has not
/// all come yet.
///
/// # Errors
///
/// As [`HeadError`] says.
pub fn parse(input: &[u8]) -> Result<Option<(Request<'_>, usize)>, HeadError> {
    let mut fields = [EMPTY_HEADER; MOST_FIELDS];
    let mut head = httparse::Request::new(&mut fields);
    let len = match head.parse(input) {
        Ok(Status::Complete(len)) => len,
        Ok(Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooManyFields),
        Err(httparse::Error::Version) => return Err(HeadError::Version),
        Err(_) => return Err(HeadError::Syntax),
    };
    let (Some(method), Some(target), Some(minor)) = (head.method, head.path, head.version) else {
        return Err(HeadError::Syntax);
    };
    let mut request = Request {
        method: self::method(method),
        target,
        one_one: minor == 1,
        keep_alive: minor == 1,
        expects_continue: false,
        framing: Framing::None,
        if_none_match: None,
        if_range: None,
        range: None,
    };
    let mut counts = Counts::default();
    for field in head.headers.iter() {
        read_field(&mut request, &mut counts, field)?;
    }
    if request.one_one && counts.hosts != 1 || counts.hosts > 1 {
        return Err(HeadError::Host);
    }
    if request.framing == Framing::Chunked && (counts.lengths > 0 || !request.one_one) {
        return Err(HeadError::Length);
    }
    Ok(Some((request, len)))
}

#[derive(Default)]
struct Counts {
    hosts: usize,
    lengths: usize,
}

fn read_field<'a>(
    request: &mut Request<'a>,
    counts: &mut Counts,
    field: &Header<'a>,
) -> Result<(), HeadError> {
    let is = |name: &str| field.name.eq_ignore_ascii_case(name);
    let text = || core::str::from_utf8(field.value).map(str::trim);
    if is("host") {
        counts.hosts += 1;
        if !text().is_ok_and(valid_host) {
            return Err(HeadError::Host);
        }
    } else if is("connection") {
        read_connection(request, text().unwrap_or_default());
    } else if is("content-length") {
        let length = length(text().map_err(|_| HeadError::Length)?)?;
        if counts.lengths > 0 && request.framing != Framing::Length(length) {
            return Err(HeadError::Length);
        }
        counts.lengths += 1;
        if request.framing != Framing::Chunked {
            request.framing = Framing::Length(length);
        }
    } else if is("transfer-encoding") {
        if request.framing == Framing::Chunked
            || !text().is_ok_and(|coding| coding.eq_ignore_ascii_case("chunked"))
        {
            return Err(HeadError::Coding);
        }
        request.framing = Framing::Chunked;
    } else if is("expect") {
        if !text().is_ok_and(|value| value.eq_ignore_ascii_case("100-continue")) {
            return Err(HeadError::Expectation);
        }
        // A client of HTTP/1.0 does not know it (RFC 9110, 10.1.1).
        request.expects_continue = request.one_one;
    } else if is("if-none-match") {
        request.if_none_match = text().ok();
    } else if is("if-range") {
        request.if_range = text().ok();
    } else if is("range") {
        request.range = text().ok();
    }
    Ok(())
}

fn read_connection(request: &mut Request<'_>, options: &str) {
    for option in options.split(',').map(str::trim) {
        if option.eq_ignore_ascii_case("close") {
            request.keep_alive = false;
            return;
        }
        if option.eq_ignore_ascii_case("keep-alive") {
            request.keep_alive = true;
        }
    }
}

/// `1*DIGIT`, or the same number several times over (RFC 9110, 8.6).
fn length(text: &str) -> Result<u64, HeadError> {
    let mut found = None;
    for part in text.split(',').map(str::trim) {
        if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(HeadError::Length);
        }
        let number: u64 = part.parse().map_err(|_| HeadError::Length)?;
        if found.is_some_and(|found| found != number) {
            return Err(HeadError::Length);
        }
        found = Some(number);
    }
    found.ok_or(HeadError::Length)
}

/// `uri-host [":" port]` (RFC 9110, 7.2), or nothing, which is allowed.
fn valid_host(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port),
        _ => (host, ""),
    };
    let in_brackets = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let name_is_valid = match in_brackets {
        Some(address) => {
            !address.is_empty()
                && address
                    .bytes()
                    .all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'))
        }
        None => name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte)),
    };
    name_is_valid && port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit())
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" | "PUT" | "DELETE" | "CONNECT" | "OPTIONS" | "TRACE" | "PATCH" => Method::Known,
        _ => Method::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::{Framing, HeadError, Method, Request, parse};

    fn request(text: &str) -> Request<'_> {
        let (request, len) = parse(text.as_bytes()).expect("valid").expect("complete");
        assert_eq!(len, text.len());
        request
    }

    fn error(text: &str) -> HeadError {
        parse(text.as_bytes()).expect_err(text)
    }

    #[test]
    fn the_fields_that_matter() {
        let request = request(
            "HEAD /x?y HTTP/1.1\r\nhost: h:80\r\nIF-NONE-MATCH: \"a\"\r\nRange:bytes=0-1 \r\n\
             If-Range: \"a\"\r\nExpect: 100-Continue\r\nContent-Length: 3, 3\r\n\r\n",
        );
        assert_eq!((request.method, request.target), (Method::Head, "/x?y"));
        assert_eq!(request.framing, Framing::Length(3));
        assert_eq!(request.if_none_match, Some("\"a\""));
        assert_eq!(request.if_range, Some("\"a\""));
        assert_eq!(request.range, Some("bytes=0-1"));
        assert!(request.keep_alive && request.expects_continue);
    }

    #[test]
    fn connections_stay_open_as_the_versions_have_it() {
        let keep = |text| request(text).keep_alive;
        assert!(keep("GET / HTTP/1.1\r\nHost:\r\n\r\n"));
        assert!(!keep(
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n"
        ));
        assert!(!keep(
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, close\r\n\r\n"
        ));
        assert!(!keep("GET / HTTP/1.0\r\n\r\n"));
        assert!(keep("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    }

    #[test]
    fn a_host_is_needed_once() {
        for host in ["h", "h:80", "[::1]:80", "[::1]", "", "a.b-c_d:"] {
            request(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        }
        for host in [
            "a b", "a/b", "a:b", "a@b", "[::1", "[]", "h:123456", "é", "[g]",
        ] {
            let text = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
            assert_eq!(error(&text), HeadError::Host, "{host}");
        }
        assert_eq!(error("GET / HTTP/1.1\r\n\r\n"), HeadError::Host);
        let twice = "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n";
        assert_eq!(error(twice), HeadError::Host);
        assert_eq!(
            error("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"),
            HeadError::Host
        );
    }

    #[test]
    fn lengths_must_not_be_ambiguous() {
        let with = |fields: &str| format!("POST / HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        for fields in [
            "Content-Length: a\r\n",
            "Content-Length: -1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: \r\n",
            "Content-Length: 1, 2\r\n",
            "Content-Length: 1\r\nContent-Length: 2\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        ] {
            assert_eq!(error(&with(fields)), HeadError::Length, "{fields}");
        }
        let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(error(old), HeadError::Length);
        for fields in [
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        ] {
            assert_eq!(error(&with(fields)), HeadError::Coding, "{fields}");
        }
        assert_eq!(
            request(&with("Transfer-Encoding: Chunked\r\n")).framing,
            Framing::Chunked
        );
    }

    #[test]
    fn what_is_not_http_is_refused() {
        for (text, expected) in [
            ("\x16\x03\x01\x02\0\x01", HeadError::Syntax),
            ("GET  / HTTP/1.1\r\n", HeadError::Syntax),
            ("GET / HTTP/1.1\r\nA b: c\r\n", HeadError::Syntax),
            ("GET / HTTP/1.1\r\n folded\r\n", HeadError::Syntax),
            ("GET / HTTP/2.0\r\n\r\n", HeadError::Version),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HeadError::Version),
            (
                "GET / HTTP/1.1\r\nHost: h\r\nExpect: more\r\n\r\n",
                HeadError::Expectation,
            ),
        ] {
            assert_eq!(error(text), expected, "{text}");
        }
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(65));
        assert_eq!(error(&many), HeadError::TooManyFields);
    }

    #[test]
    fn a_part_of_a_head_is_no_error() {
        let text = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
        for end in 0..text.len() {
            assert_eq!(parse(&text.as_bytes()[..end]), Ok(None), "{end}");
        }
    }

    #[test]
    fn methods() {
        let method = |name| request(&format!("{name} / HTTP/1.1\r\nHost: h\r\n\r\n")).method;
        assert_eq!(method("POST"), Method::Known);
        assert_eq!(method("BREW"), Method::Unknown);
        assert_eq!(method("get"), Method::Unknown);
    }
}
