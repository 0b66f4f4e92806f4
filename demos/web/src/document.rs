//! Documents, ready to be sent.

use std::sync::Arc;

use crate::etag;
use crate::stats::{self, RouteCounter};

/// A document in memory.
#[derive(Debug)]
pub struct Document {
    /// The header fields of an answer with it, each with its CRLF: made once, as every allocation
    /// costs thousands of instructions in Hermit 0.11.
    pub fields: Arc<str>,
    /// Its entity tag, quoted.
    pub etag: String,
    /// Its content.
    pub body: Arc<[u8]>,
    /// How often its path was asked for.
    pub counter: Option<&'static RouteCounter>,
}

impl Document {
    /// The document of `body` at `path`.
    #[must_use]
    pub fn new(path: &str, content_type: Option<&str>, body: &[u8]) -> Self {
        let content_type = content_type.unwrap_or_else(|| type_of(path));
        let etag = etag::of(body);
        let fields =
            format!("Content-Type: {content_type}\r\nETag: {etag}\r\nAccept-Ranges: bytes\r\n");
        Self {
            fields: Arc::from(fields),
            etag,
            body: Arc::from(body),
            counter: stats::route(path),
        }
    }
}

/// The content type that the ending of `path` promises.
#[must_use]
pub fn type_of(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or_default();
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" | "htm" | "" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "xml" => "application/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "pdf" => "application/pdf",
        "wasm" => "application/wasm",
        "txt" | "md" | "log" | "c" | "rs" | "toml" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::type_of;

    #[test]
    fn endings() {
        assert_eq!(type_of("/a.b/c.svg"), "image/svg+xml");
        assert_eq!(type_of("/"), "text/html; charset=utf-8");
        assert_eq!(type_of("/a.css/about"), "text/html; charset=utf-8");
        assert_eq!(type_of("/x.bin"), "application/octet-stream");
    }
}
