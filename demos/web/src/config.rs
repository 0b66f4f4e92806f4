//! The configuration file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

/// What a configuration may say. Every part has a default, so an empty file is a valid one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The title of the start page.
    pub title: String,
    /// The text of the start page.
    pub greeting: String,
    /// The TCP port to listen on. Only read at the start.
    pub port: u16,
    /// Header fields that every answer gets.
    pub headers: BTreeMap<String, String>,
    /// The JSON status.
    pub status: Status,
    /// The logs in `/var/log`.
    pub log: Log,
    /// What the server puts up with.
    pub limits: Limits,
    /// Documents beside the built-in ones, or in their place.
    #[serde(rename = "document")]
    pub documents: Vec<Document>,
}

/// The JSON status.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Status {
    /// Whether there is one.
    pub enabled: bool,
    /// Under which path.
    pub path: String,
}

/// How large the logs may become before their older half is dropped, in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The access log.
    pub access_bytes: usize,
    /// The error log.
    pub error_bytes: usize,
}

/// What the server puts up with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections at once; more wait in the kernel. Only read at the start.
    pub connections: usize,
    /// Connections that can wait at once on Hermit, where each place costs 128 KiB and a little time
    /// with every packet. Only read at the start.
    pub backlog: i32,
    /// Bytes of a request's head (431, or 414 when the first line alone is as long).
    pub header_bytes: usize,
    /// Bytes of a request's body (413).
    pub body_bytes: u64,
    /// Milliseconds that a connection may be idle between two requests.
    pub keep_alive_ms: u64,
    /// Milliseconds that a request may take to arrive (408).
    pub request_ms: u64,
    /// Milliseconds that a client may leave an answer untouched.
    pub write_ms: u64,
}

/// A document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Document {
    /// The path it is served under.
    pub path: String,
    /// Its content type; by default, what the path's ending says.
    #[serde(rename = "type")]
    pub content_type: Option<String>,
    /// The content itself; either this or `file`.
    pub body: Option<String>,
    /// The file with the content, beside the configuration file; read into memory with it.
    pub file: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            title: String::from("uIO on Hermit"),
            greeting: String::from("Hello from a unikernel that you can look into."),
            port: 8080,
            headers: BTreeMap::new(),
            status: Status::default(),
            log: Log::default(),
            limits: Limits::default(),
            documents: Vec::new(),
        }
    }
}

impl Default for Status {
    fn default() -> Self {
        Self {
            enabled: true,
            path: String::from("/status"),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            access_bytes: 256 << 10,
            error_bytes: 64 << 10,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 128,
            backlog: 32,
            header_bytes: 8 << 10,
            body_bytes: 64 << 10,
            keep_alive_ms: 30_000,
            request_ms: 10_000,
            write_ms: 30_000,
        }
    }
}

/// What is wrong with a configuration, so that its author can mend it.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Not TOML, or a key or value that there is not.
    #[error("{0}")]
    Syntax(toml::de::Error),
    /// A value that makes no sense.
    #[error("{key}: {reason}")]
    Value {
        /// Where it stands.
        key: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl ConfigError {
    fn value(key: impl Into<String>, reason: &'static str) -> Self {
        let key = key.into();
        Self::Value { key, reason }
    }
}

/// Header fields that the server itself is responsible for.
const RESERVED: [&str; 9] = [
    "accept-ranges",
    "connection",
    "content-length",
    "content-range",
    "content-type",
    "date",
    "etag",
    "keep-alive",
    "transfer-encoding",
];

impl Config {
    /// Reads and checks the configuration in `text`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Syntax`] and [`ConfigError::Value`].
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(ConfigError::Syntax)?;
        config.check()?;
        Ok(config)
    }

    /// Reads and checks the configuration in the file `path`.
    ///
    /// # Errors
    ///
    /// All of [`ConfigError`].
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text)
    }

    fn check(&self) -> Result<(), ConfigError> {
        for (name, value) in &self.headers {
            check_header(name, value)?;
        }
        check_path("status.path", &self.status.path)?;
        for document in &self.documents {
            check_document(document)?;
        }
        self.limits.check()?;
        for (key, bytes) in [
            ("log.access_bytes", self.log.access_bytes),
            ("log.error_bytes", self.log.error_bytes),
        ] {
            check_range(key, bytes as u64, 1 << 10, 64 << 20)?;
        }
        Ok(())
    }
}

impl Limits {
    fn check(&self) -> Result<(), ConfigError> {
        const DAY_MS: u64 = 86_400_000;
        for (key, value, least, most) in [
            ("limits.connections", self.connections as u64, 1, 4096),
            (
                "limits.header_bytes",
                self.header_bytes as u64,
                256,
                1 << 20,
            ),
            ("limits.body_bytes", self.body_bytes, 0, 1 << 30),
            ("limits.keep_alive_ms", self.keep_alive_ms, 1, DAY_MS),
            ("limits.request_ms", self.request_ms, 1, DAY_MS),
            ("limits.write_ms", self.write_ms, 1, DAY_MS),
        ] {
            check_range(key, value, least, most)?;
        }
        Ok(())
    }
}

fn check_range(key: &str, value: u64, least: u64, most: u64) -> Result<(), ConfigError> {
    if value < least {
        Err(ConfigError::value(key, "too small"))
    } else if value > most {
        Err(ConfigError::value(key, "too large"))
    } else {
        Ok(())
    }
}

fn check_header(name: &str, value: &str) -> Result<(), ConfigError> {
    let key = || format!("headers.{name}");
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(ConfigError::value(key(), "not the name of a header field"));
    }
    if RESERVED.iter().any(|it| it.eq_ignore_ascii_case(name)) {
        return Err(ConfigError::value(
            key(),
            "the server sets this field itself",
        ));
    }
    if !is_field_value(value) {
        return Err(ConfigError::value(key(), "not the value of a header field"));
    }
    Ok(())
}

/// Printable ASCII only (RFC 9110, 5.5): what could end the field early does not get in.
fn is_field_value(value: &str) -> bool {
    value.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

fn check_path(key: &str, path: &str) -> Result<(), ConfigError> {
    match crate::target::path(path) {
        Ok(clean) if clean == path => Ok(()),
        _ => Err(ConfigError::value(
            key,
            "not a plain path: it starts with a slash and holds no query, percent sign or dots",
        )),
    }
}

fn check_document(document: &Document) -> Result<(), ConfigError> {
    let key = || format!("document \"{}\"", document.path);
    check_path(&key(), &document.path)?;
    if document.body.is_some() == document.file.is_some() {
        return Err(ConfigError::value(key(), "needs either a body or a file"));
    }
    let content_type = document.content_type.as_deref().unwrap_or("text/plain");
    if content_type.is_empty() || !is_field_value(content_type) {
        return Err(ConfigError::value(key(), "the type is not a content type"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn nothing_said_is_the_default() {
        assert_eq!(Config::parse("").expect("valid"), Config::default());
    }

    #[test]
    fn everything_said_is_taken() {
        let config = Config::parse(
            r#"
            title = "T"
            greeting = "G"
            port = 81
            [headers]
            X-Frame-Options = "DENY"
            [status]
            path = "/health"
            enabled = false
            [log]
            access_bytes = 2048
            [limits]
            connections = 3
            keep_alive_ms = 5
            [[document]]
            path = "/a.css"
            body = "a {}"
            [[document]]
            path = "/b"
            type = "text/x"
            file = "b.txt"
            "#,
        )
        .expect("valid");
        assert_eq!((&*config.title, &*config.greeting), ("T", "G"));
        assert_eq!(config.port, 81);
        assert_eq!(config.headers["X-Frame-Options"], "DENY");
        assert!(!config.status.enabled);
        assert_eq!(config.log.access_bytes, 2048);
        assert_eq!(config.log.error_bytes, 64 << 10);
        assert_eq!(config.limits.connections, 3);
        assert_eq!(config.documents.len(), 2);
        assert_eq!(config.documents[1].content_type.as_deref(), Some("text/x"));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, part) in [
            ("title = ", "line 1"),
            ("titel = 'x'", "titel"),
            ("port = 70000", "70000"),
            ("[limits]\nconnections = 0", "limits.connections: too small"),
            ("[log]\naccess_bytes = 10", "log.access_bytes: too small"),
            ("[limits]\nkeep_alive_ms = 0", "limits.keep_alive_ms"),
            ("[headers]\n'A B' = 'c'", "headers.A B"),
            ("[headers]\nA = \"c\\r\\nd\"", "headers.A"),
            ("[headers]\nContent-length = '1'", "sets this field itself"),
            ("[status]\npath = 'status'", "status.path"),
            ("[[document]]\npath = '/a'", "either a body or a file"),
            ("[[document]]\npath = '/a'\nbody = ''\nfile = 'x'", "either"),
            (
                "[[document]]\npath = '/../a'\nbody = ''",
                "not a plain path",
            ),
            (
                "[[document]]\npath = '/a'\nbody = ''\ntype = \"a\\nb\"",
                "type",
            ),
        ] {
            let error = Config::parse(text).expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
