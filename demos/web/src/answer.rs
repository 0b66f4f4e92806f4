//! From a request to what is answered.

use std::ops::Range;
use std::sync::Arc;

use crate::document::Document;
use crate::etag;
use crate::range::{self, Wanted};
use crate::request::{Method, Request};
use crate::site::{Found, Site};
use crate::stats::Snapshot;
use crate::target;

/// An answer: everything but what the connection adds (date, configured fields, persistence).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Header fields of the document, each with its CRLF.
    pub document_fields: Option<Arc<str>>,
    /// Header fields of this answer only, each with its CRLF.
    pub fields: String,
    /// The content, or what a GET would have sent.
    pub content: Content,
    /// Whether the content is only described (HEAD).
    pub head_only: bool,
}

/// The content of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// None, and no length is told either (304).
    None,
    /// Bytes made for this answer.
    Made(Vec<u8>),
    /// A part of a document.
    Part(Arc<[u8]>, Range<usize>),
}

impl Content {
    /// Its length in bytes, when it is told.
    #[must_use]
    pub fn len(&self) -> Option<usize> {
        match self {
            Self::None => None,
            Self::Made(bytes) => Some(bytes.len()),
            Self::Part(_, range) => Some(range.len()),
        }
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len().unwrap_or(0) == 0
    }
}

impl Answer {
    /// An answer that says no more than its status.
    #[must_use]
    pub fn plain(status: u16) -> Self {
        let reason = reason(status);
        Self {
            status,
            document_fields: None,
            fields: String::from("Content-Type: text/plain; charset=utf-8\r\n"),
            content: Content::Made(format!("{status} {reason}\n").into_bytes()),
            head_only: false,
        }
    }
}

/// The answer to `request`. `snapshot` is only taken for the status page.
pub fn answer(request: &Request<'_>, site: &Site, snapshot: impl FnOnce() -> Snapshot) -> Answer {
    let mut answer = match request.method {
        Method::Unknown => Answer::plain(501),
        Method::Known => {
            let mut answer = Answer::plain(405);
            answer.fields.push_str("Allow: GET, HEAD\r\n");
            answer
        }
        Method::Get | Method::Head => match target::path(request.target) {
            Err(_) => Answer::plain(400),
            Ok(path) => match site.find(&path) {
                Found::Nothing => Answer::plain(404),
                Found::Status => status_page(&snapshot()),
                Found::Document(document) => {
                    if let Some(counter) = document.counter {
                        counter.count();
                    }
                    document_answer(request, document)
                }
            },
        },
    };
    answer.head_only = request.method == Method::Head;
    answer
}

/// The answer to `request` when it is refused with `status`.
pub fn refusal(request: &Request<'_>, status: u16) -> Answer {
    let mut answer = Answer::plain(status);
    match status {
        405 => answer.fields.push_str("Allow: GET, HEAD\r\n"),
        429 | 503 => answer.fields.push_str("Retry-After: 1\r\n"),
        _ => {}
    }
    answer.head_only = request.method == Method::Head;
    answer
}

fn status_page(snapshot: &Snapshot) -> Answer {
    match serde_json::to_vec(snapshot) {
        Ok(mut json) => {
            json.push(b'\n');
            Answer {
                status: 200,
                document_fields: None,
                fields: String::from(
                    "Content-Type: application/json\r\nCache-Control: no-store\r\n",
                ),
                content: Content::Made(json),
                head_only: false,
            }
        }
        Err(_) => Answer::plain(500),
    }
}

fn document_answer(request: &Request<'_>, document: &Document) -> Answer {
    let Document {
        fields, etag, body, ..
    } = document;
    if request
        .if_none_match
        .is_some_and(|field| etag::matches(field, etag))
    {
        return Answer {
            status: 304,
            document_fields: None,
            fields: format!("ETag: {etag}\r\n"),
            content: Content::None,
            head_only: false,
        };
    }
    let (status, range, part) = match wanted(request, document) {
        Wanted::Whole => (200, 0..body.len(), String::new()),
        Wanted::Part(range) => {
            let (first, last, all) = (range.start, range.end.saturating_sub(1), body.len());
            let field = format!("Content-Range: bytes {first}-{last}/{all}\r\n");
            (206, range, field)
        }
        Wanted::Nothing => {
            let mut answer = Answer::plain(416);
            let field = format!("Content-Range: bytes */{}\r\n", body.len());
            answer.fields.push_str(&field);
            return answer;
        }
    };
    Answer {
        status,
        document_fields: Some(Arc::clone(fields)),
        fields: part,
        content: Content::Part(Arc::clone(body), range),
        head_only: false,
    }
}

/// Ranges are for GET only, and only of the document that the client already has a part of
/// (RFC 9110, 13.1.5 and 14.2).
fn wanted(request: &Request<'_>, document: &Document) -> Wanted {
    let same = request.if_range.is_none_or(|tag| tag == document.etag);
    match request.range {
        Some(field) if same && request.method == Method::Get => {
            range::parse(field, document.body.len())
        }
        _ => Wanted::Whole,
    }
}

/// The reason phrase of `status` (RFC 9110, 15; RFC 6585; RFC 7725).
#[must_use]
pub const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        414 => "URI Too Long",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        425 => "Too Early",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Unknown",
    }
}
