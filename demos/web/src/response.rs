//! Writing an answer down.

use std::io::Write as _;

use crate::answer::{Answer, Content, reason};
use crate::out::Out;

/// What an answer says about the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// It stays open, which HTTP/1.1 takes for granted.
    Keep,
    /// It stays open, and a client of HTTP/1.0 must be told.
    KeepTold,
    /// It is closed after this answer.
    Close,
}

/// What every answer of a server carries.
#[derive(Clone, Copy, Debug)]
pub struct Common<'a> {
    /// The value of `Date`.
    pub date: &'a str,
    /// The configured fields, each with its CRLF.
    pub headers: &'a str,
}

/// Appends `answer` to `out`; gives the bytes of content, which the access log shows.
pub fn write(out: &mut Out, answer: Answer, common: Common<'_>, persistence: Persistence) -> u64 {
    let Answer {
        status,
        document_fields,
        fields,
        content,
        head_only,
    } = answer;
    let connection = match persistence {
        Persistence::Keep => "",
        Persistence::KeepTold => "Connection: keep-alive\r\n",
        Persistence::Close => "Connection: close\r\n",
    };
    let Common { date, headers } = common;
    let reason = reason(status);
    let document_fields = document_fields.as_deref().unwrap_or_default();
    let bytes = out.bytes();
    // Writing to memory does not fail.
    let _ = write!(
        bytes,
        "HTTP/1.1 {status} {reason}\r\nDate: {date}\r\nServer: uio-web\r\n{document_fields}{fields}"
    );
    if let Some(len) = content.len() {
        let _ = write!(bytes, "Content-Length: {len}\r\n");
    }
    let _ = write!(bytes, "{headers}{connection}\r\n");
    if head_only {
        return 0;
    }
    let len = content.len().unwrap_or(0) as u64;
    match content {
        Content::None => {}
        Content::Made(made) => bytes.extend_from_slice(&made),
        Content::Part(document, range) => out.share(&document, range),
    }
    len
}
