//! What is served under one configuration: everything is in memory before the first request.

use std::collections::HashMap;
use std::path::Path;

use crate::config::{Config, ConfigError, Limits, Log};
use crate::document::Document;

const INDEX: &str = include_str!("../static/index.html");
const ABOUT: &str = include_str!("../static/about.html");
const STYLE: &str = include_str!("../static/style.css");
const ICON: &str = include_str!("../static/favicon.svg");
const ROBOTS: &str = include_str!("../static/robots.txt");

/// A configuration made ready.
#[derive(Debug)]
pub struct Site {
    documents: HashMap<String, Document>,
    status_path: Option<String>,
    /// The configured header fields, each with its CRLF.
    pub headers: String,
    /// What the server puts up with.
    pub limits: Limits,
    /// How large the logs may become.
    pub log: Log,
    /// The port to listen on.
    pub port: u16,
    /// Which configuration this is, counted from 1 at the start.
    pub generation: u64,
}

/// What a path leads to.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// A document.
    Document(&'a Document),
    /// The JSON status.
    Status,
    /// Nothing.
    Nothing,
}

impl Site {
    /// Makes `config` ready; files are looked for in `directory`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Read`] for a file that cannot be read.
    pub fn new(config: &Config, directory: &Path, generation: u64) -> Result<Self, ConfigError> {
        let mut documents = built_in(config);
        for document in &config.documents {
            let content_type = document.content_type.as_deref();
            let made = match (&document.body, &document.file) {
                (_, Some(file)) => {
                    let path = directory.join(file);
                    let body = std::fs::read(&path)
                        .map_err(|source| ConfigError::Read { path, source })?;
                    Document::new(&document.path, content_type, &body)
                }
                (body, None) => {
                    let body = body.as_deref().unwrap_or_default();
                    Document::new(&document.path, content_type, body.as_bytes())
                }
            };
            documents.insert(document.path.clone(), made);
        }
        Ok(Self::with(documents, config, generation))
    }

    /// The default configuration, which needs no file.
    #[must_use]
    pub fn built_in(generation: u64) -> Self {
        let config = Config::default();
        Self::with(built_in(&config), &config, generation)
    }

    fn with(documents: HashMap<String, Document>, config: &Config, generation: u64) -> Self {
        let headers = config
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        Self {
            documents,
            status_path: config.status.enabled.then(|| config.status.path.clone()),
            headers,
            limits: config.limits.clone(),
            log: config.log.clone(),
            port: config.port,
            generation,
        }
    }

    /// What `path` leads to.
    #[must_use]
    pub fn find(&self, path: &str) -> Found<'_> {
        if self.status_path.as_deref() == Some(path) {
            return Found::Status;
        }
        self.documents
            .get(path)
            .map_or(Found::Nothing, Found::Document)
    }
}

fn built_in(config: &Config) -> HashMap<String, Document> {
    let fill = |template: &str| {
        template
            .replace("{{greeting}}", &escape(&config.greeting))
            .replace("{{title}}", &escape(&config.title))
    };
    [
        ("/", fill(INDEX)),
        ("/about", fill(ABOUT)),
        ("/style.css", String::from(STYLE)),
        ("/favicon.svg", String::from(ICON)),
        ("/robots.txt", String::from(ROBOTS)),
    ]
    .into_iter()
    .map(|(path, body)| {
        (
            String::from(path),
            Document::new(path, None, body.as_bytes()),
        )
    })
    .collect()
}

/// `text` as HTML has it.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '{' => escaped.push_str("&#123;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Found, Site};
    use crate::config::{Config, ConfigError};

    fn site(text: &str) -> Result<Site, ConfigError> {
        Site::new(&Config::parse(text)?, Path::new("/nonexistent"), 1)
    }

    fn body(site: &Site, path: &str) -> String {
        match site.find(path) {
            Found::Document(document) => String::from_utf8_lossy(&document.body).into_owned(),
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn the_start_page_shows_the_configuration_and_nothing_else_of_it() {
        let site = site("title = '<T>'\ngreeting = '{{title}} & co'").expect("valid");
        let page = body(&site, "/");
        assert!(page.contains("<title>&lt;T&gt;</title>"), "{page}");
        assert!(page.contains("&#123;&#123;title}} &amp; co"), "{page}");
    }

    #[test]
    fn documents_add_to_and_replace_the_built_in_ones() {
        let text = "[[document]]\npath = '/robots.txt'\nbody = 'mine'\n\
                    [[document]]\npath = '/new'\nbody = 'new'";
        let site = site(text).expect("valid");
        assert_eq!(body(&site, "/robots.txt"), "mine");
        assert_eq!(body(&site, "/new"), "new");
        assert!(!body(&site, "/style.css").is_empty());
        assert!(matches!(site.find("/other"), Found::Nothing));
    }

    #[test]
    fn the_status_moves_and_goes() {
        let moved = site("[status]\npath = '/s'").expect("valid");
        assert!(matches!(moved.find("/s"), Found::Status));
        assert!(matches!(moved.find("/status"), Found::Nothing));
        let gone = site("[status]\nenabled = false").expect("valid");
        assert!(matches!(gone.find("/status"), Found::Nothing));
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = site("[[document]]\npath = '/x'\nfile = 'x.html'").expect_err("missing");
        assert!(error.to_string().contains("/nonexistent/x.html"), "{error}");
    }
}
