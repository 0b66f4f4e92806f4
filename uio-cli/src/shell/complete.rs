//! Completion of commands, paths in the guest, symbols and signals.

use std::time::Duration;

use reedline::{CompletionResult, Span, Suggestion};
use uio_console::FromGuest;
use uio_console::record::{Kind, Record};

use crate::client::drive::{Drive, drive};
use crate::client::{Client, GuestInfo};
use crate::cmd::guest_commands::{self, Takes};
use crate::cmd::symbols::HostSymbols;
use crate::entry::Entry;

/// How long the guest has to list a directory before completion goes without.
const PATIENCE: Duration = Duration::from_secs(1);

/// The most names that are shown.
const LIMIT: usize = 200;

/// Names of signals that `kill` takes.
const SIGNALS: [&str; 5] = ["HUP", "INT", "TERM", "USR1", "USR2"];

/// Proposes how a line may go on.
pub struct Completer {
    vm: Entry,
    commands: Vec<String>,
    symbols: HostSymbols,
    /// A session of its own, opened when a path is first completed.
    client: Option<Client>,
}

/// What is being typed: where it begins in the line, and its words before.
#[derive(Debug, PartialEq, Eq)]
struct Typed<'a> {
    start: usize,
    word: &'a str,
    command: Option<&'a str>,
    /// Words between the command and the one that is being typed.
    between: Vec<&'a str>,
}

impl Completer {
    /// A completer for a VM.
    #[must_use]
    pub fn new(vm: &Entry, guest: &GuestInfo) -> Self {
        let mut commands = guest.commands.clone();
        for own in ["exit", "fg", "wait"] {
            if !commands.iter().any(|name| name == own) {
                commands.push(own.to_owned());
            }
        }
        commands.sort();
        Self {
            symbols: HostSymbols::new(vm.symbols.clone(), &guest.build_id),
            vm: vm.clone(),
            commands,
            client: None,
        }
    }

    /// Names that the word may become, and whether a space follows.
    fn candidates(&mut self, typed: &Typed<'_>) -> Vec<(String, bool)> {
        let finished = |names: Vec<String>| names.into_iter().map(|name| (name, true)).collect();
        let Some(command) = typed.command else {
            return finished(beginning(&self.commands, typed.word));
        };
        match guest_commands::find(command).map(|command| command.takes) {
            Some(Takes::Symbols) => finished(self.symbols.beginning_with(typed.word, LIMIT)),
            Some(Takes::Signals) => finished(beginning(&SIGNALS, typed.word)),
            Some(Takes::Bpf) => match typed.between[..] {
                [] => finished(beginning(&guest_commands::BPF, typed.word)),
                ["map"] => finished(beginning(&guest_commands::BPF_MAP, typed.word)),
                ["load", ..] => self.paths(typed.word),
                ["attach", ..] => finished(self.symbols.beginning_with(typed.word, LIMIT)),
                _ => Vec::new(),
            },
            Some(Takes::Nothing) => Vec::new(),
            Some(Takes::Paths) | None => self.paths(typed.word),
        }
    }

    fn paths(&mut self, word: &str) -> Vec<(String, bool)> {
        let (dir, prefix) = match word.rfind('/') {
            Some(at) => word.split_at(at + 1),
            None => ("", word),
        };
        let mut found: Vec<(String, bool)> = self
            .list(dir)
            .into_iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .map(|(name, is_dir)| {
                let end = if is_dir { "/" } else { "" };
                (format!("{dir}{name}{end}"), !is_dir)
            })
            .collect();
        found.sort();
        found.truncate(LIMIT);
        found
    }

    /// The entries of a directory of the guest, and which of them are directories.
    fn list(&mut self, dir: &str) -> Vec<(String, bool)> {
        let mut argv = vec![b"ls".to_vec()];
        if !dir.is_empty() {
            argv.push(dir.as_bytes().to_vec());
        }
        if self.client.is_none() {
            self.client = Client::connect(&self.vm, PATIENCE).ok();
        }
        let Some(client) = &mut self.client else {
            return Vec::new();
        };
        let mut names = Vec::new();
        let with = Drive {
            stdin: None,
            interrupts: None,
            timeout: Some(PATIENCE),
            announce: false,
        };
        let listed = drive(client, &argv, with, &mut |message| {
            if let FromGuest::Record {
                record: Record::Entry(entry),
                ..
            } = message
                && let Ok(name) = std::str::from_utf8(entry.name)
            {
                names.push((name.to_owned(), entry.kind == Kind::Directory));
            }
            true
        });
        if listed.is_err() {
            self.client = None;
        }
        names
    }
}

impl reedline::Completer for Completer {
    fn complete(&mut self, line: &str, pos: usize) -> CompletionResult {
        let Some(before) = line.get(..pos) else {
            return CompletionResult::fresh(Vec::new());
        };
        let typed = typed(before);
        let span = Span::new(typed.start, pos);
        let suggestions: Vec<Suggestion> = self
            .candidates(&typed)
            .into_iter()
            .map(|(name, finished)| Suggestion {
                description: typed
                    .command
                    .is_none()
                    .then(|| guest_commands::find(&name))
                    .flatten()
                    .map(|command| command.help.to_owned()),
                value: quoted(&name),
                span,
                append_whitespace: finished,
                ..Suggestion::default()
            })
            .collect();
        CompletionResult::fresh(suggestions)
    }
}

fn beginning<S: AsRef<str>>(names: &[S], prefix: &str) -> Vec<String> {
    let names = names.iter().map(AsRef::as_ref);
    names
        .filter(|name| name.starts_with(prefix))
        .map(str::to_owned)
        .collect()
}

/// Takes apart what stands before the cursor. Words in quotes are not completed as such: they are
/// taken to begin at the last blank, as most names need none.
fn typed(before: &str) -> Typed<'_> {
    let start = before.rfind(char::is_whitespace).map_or(0, |at| {
        at + before[at..].chars().next().map_or(1, char::len_utf8)
    });
    let mut words = before[..start].split_whitespace();
    Typed {
        start,
        word: &before[start..],
        command: words.next(),
        between: words.collect(),
    }
}

/// A name as it must be typed.
fn quoted(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:,@%".contains(&byte);
    if name.bytes().all(plain) {
        name.to_owned()
    } else {
        shell_words::quote(name).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_comes_apart() {
        let first = typed("ca");
        assert_eq!((first.start, first.word, first.command), (0, "ca", None));
        let path = typed("cat /uio/w");
        assert_eq!((path.start, path.word), (4, "/uio/w"));
        assert_eq!(path.command, Some("cat"));
        let empty = typed("cat ");
        assert_eq!((empty.start, empty.word), (4, ""));
        let third = typed("bpf map du");
        assert_eq!(
            (third.command, &third.between[..]),
            (Some("bpf"), &["map"][..])
        );
        let wide = typed("cat\u{3000}x");
        assert_eq!((wide.start, wide.word), (6, "x"));
    }

    #[test]
    fn names_are_quoted_where_they_must_be() {
        assert_eq!(quoted("/uio/web.toml"), "/uio/web.toml");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("core::fmt::Write"), "core::fmt::Write");
    }
}
