//! What cargo reports with `--message-format=json`: one JSON object a line.

use std::path::PathBuf;

use serde_json::Value;

/// The messages of one run of cargo. Lines that are no JSON (a build script's, say) are skipped.
#[derive(Clone, Debug, Default)]
pub struct Messages(Vec<Value>);

impl Messages {
    /// Reads cargo's standard output.
    #[must_use]
    pub fn parse(stdout: &[u8]) -> Self {
        let lines = stdout.split(|byte| *byte == b'\n');
        Self(
            lines
                .filter_map(|line| serde_json::from_slice(line).ok())
                .collect(),
        )
    }

    fn with_reason(&self, reason: &str) -> impl Iterator<Item = &Value> {
        self.0
            .iter()
            .filter(move |message| message["reason"] == reason)
    }

    /// Names and paths of the executables that were made.
    pub fn executables(&self) -> impl Iterator<Item = (String, PathBuf)> {
        self.with_reason("compiler-artifact").filter_map(|message| {
            let name = message["target"]["name"].as_str()?.to_owned();
            Some((name, PathBuf::from(message["executable"].as_str()?)))
        })
    }

    /// The static library that was made last.
    #[must_use]
    pub fn static_library(&self) -> Option<PathBuf> {
        let files = self
            .with_reason("compiler-artifact")
            .filter_map(|message| message["filenames"].as_array());
        let files = files
            .flatten()
            .filter_map(|file| file.as_str().map(PathBuf::from));
        files
            .filter(|file| file.extension().is_some_and(|extension| extension == "a"))
            .last()
    }

    /// The compiler's errors, as a person would see them.
    #[must_use]
    pub fn errors(&self) -> Vec<&str> {
        self.diagnostics("error")
            .filter_map(|message| message["rendered"].as_str())
            .collect()
    }

    /// The compiler's warnings about files below `dir`, a path relative to the package, as a person would see them.
    #[must_use]
    pub fn warnings_below(&self, dir: &str) -> Vec<&str> {
        let below = |message: &&Value| {
            let spans = message["spans"].as_array();
            spans.is_some_and(|spans| {
                spans.iter().any(|span| {
                    let file = span["file_name"].as_str().unwrap_or_default();
                    span["is_primary"] == true && file.starts_with(dir)
                })
            })
        };
        self.diagnostics("warning")
            .filter(below)
            .filter_map(|message| message["rendered"].as_str())
            .collect()
    }

    fn diagnostics(&self, level: &str) -> impl Iterator<Item = &Value> {
        let messages = self
            .with_reason("compiler-message")
            .map(|message| &message["message"]);
        messages.filter(move |message| message["level"] == level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = r#"{"reason":"compiler-artifact","target":{"name":"hermit"},"filenames":["/t/libhermit.rlib","/t/libhermit.a"],"executable":null}
a build script says something
{"reason":"compiler-message","message":{"level":"warning","rendered":"unused\n","spans":[{"file_name":"src/uio/mod.rs","is_primary":true}]}}
{"reason":"compiler-message","message":{"level":"warning","rendered":"upstream's\n","spans":[{"file_name":"src/lib.rs","is_primary":true},{"file_name":"src/uio/mod.rs","is_primary":false}]}}
{"reason":"compiler-message","message":{"level":"error","rendered":"E0425\n","spans":[]}}
{"reason":"compiler-artifact","target":{"name":"app"},"filenames":["/t/app"],"executable":"/t/app"}
"#;

    #[test]
    fn messages_are_sorted_out() {
        let messages = Messages::parse(OUTPUT.as_bytes());
        assert_eq!(
            messages.static_library(),
            Some(PathBuf::from("/t/libhermit.a"))
        );
        let executables: Vec<_> = messages.executables().collect();
        assert_eq!(executables, [("app".into(), PathBuf::from("/t/app"))]);
        assert_eq!(messages.errors(), ["E0425\n"]);
        assert_eq!(messages.warnings_below("src/uio/"), ["unused\n"]);
    }
}
