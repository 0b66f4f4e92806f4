//! Lines of the access log, in the common log format.

use std::io::Write as _;

/// The longest request line that a log line repeats, in bytes.
const LONGEST: usize = 512;

/// Appends `peer - - [time] "request" status bytes` to `lines`.
///
/// The request line is the client's: what could break the line, or a terminal that shows it, is
/// written as `\xHH`.
///
/// ```
/// let mut lines = Vec::new();
/// web::access::line(&mut lines, "10.0.2.2", "now", b"GET /\x1b\" HTTP/1.1", 200, 5);
/// assert_eq!(lines, b"10.0.2.2 - - [now] \"GET /\\x1b\\x22 HTTP/1.1\" 200 5\n");
/// ```
pub fn line(lines: &mut Vec<u8>, peer: &str, time: &str, request: &[u8], status: u16, bytes: u64) {
    // Writing to memory does not fail.
    let _ = write!(lines, "{peer} - - [{time}] \"");
    if request.is_empty() {
        lines.push(b'-');
    }
    for &byte in request.iter().take(LONGEST) {
        if (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\' {
            lines.push(byte);
        } else {
            let _ = write!(lines, "\\x{byte:02x}");
        }
    }
    let _ = writeln!(lines, "\" {status} {bytes}");
}

/// The first line of `head`, without its end.
#[must_use]
pub fn request_line(head: &[u8]) -> &[u8] {
    let end = head.iter().position(|&byte| byte == b'\n');
    let line = head.get(..end.unwrap_or(head.len())).unwrap_or_default();
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::{line, request_line};

    #[test]
    fn a_request_that_never_came_is_a_dash() {
        let mut lines = Vec::new();
        line(&mut lines, "::1", "t", b"", 408, 0);
        assert_eq!(lines, b"::1 - - [t] \"-\" 408 0\n");
    }

    #[test]
    fn long_requests_are_cut() {
        let mut lines = Vec::new();
        line(&mut lines, "p", "t", &[b'a'; 9_000], 414, 1);
        assert_eq!(lines.len(), 512 + "p - - [t] \"\" 414 1\n".len());
    }

    #[test]
    fn the_first_line() {
        assert_eq!(
            request_line(b"GET / HTTP/1.1\r\nHost: h\r\n"),
            b"GET / HTTP/1.1"
        );
        assert_eq!(request_line(b"abc"), b"abc");
        assert_eq!(request_line(b""), b"");
    }
}
