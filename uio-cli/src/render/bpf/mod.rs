//! What the command `bpf` answers: rows of tables, lines, JSON.
//!
//! | module | |
//! |---|---|
//! | `shape` | which command answers with what |
//! | `told` | programs, maps, links, runs |
//! | `entries` | entries of maps, records of ring buffers |
//! | `spec` | the specification |
//! | [`words`] | why a request failed |

mod entries;
mod shape;
mod spec;
mod told;
pub mod words;

#[cfg(test)]
mod tests;

use serde_json::{Value, json};
use uio_bpf::wire::Answer;

use super::Format;
use super::parts::printable;
use super::table::Column;
use entries::{Entries, Subject};
pub use shape::{Shape, shape};

/// Finds the name of what is at an offset in the image.
pub type Named<'a> = &'a dyn Fn(u64) -> Option<String>;

/// Something to show.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A row of a table.
    Row(&'static [Column], Vec<String>),
    /// A line.
    Line(String),
    /// Text as it is.
    Raw(String),
    /// An object of the document, or of the stream.
    Json(Value),
    /// A line for standard error.
    Note(String),
}

/// What an answer that goes on in further ones is.
#[derive(Debug, Default)]
enum Open {
    #[default]
    Nothing,
    /// A map, whose types may follow.
    Map(Box<Subject>),
    /// A run, whose buffer may follow.
    Run(told::Ran, Vec<u8>),
    Spec(Vec<u8>),
}

/// Takes answers, gives what is to be shown.
pub struct State {
    format: Format,
    shape: Shape,
    open: Open,
    entries: Option<Entries>,
    /// Lines that belong behind the table.
    behind: Vec<String>,
}

impl State {
    /// For the request `argv`.
    #[must_use]
    pub fn new(argv: &[Vec<u8>], format: Format) -> Self {
        Self {
            format,
            shape: shape(argv),
            open: Open::Nothing,
            entries: None,
            behind: Vec::new(),
        }
    }

    /// Takes an encoded answer.
    pub fn take(&mut self, data: &[u8], named: Named<'_>) -> Vec<Item> {
        let Ok(answer) = postcard::from_bytes::<Answer<'_>>(data) else {
            let words = "uio: the guest answered something that this `uio` does not know; use one of the same release";
            return vec![Item::Note(words.to_owned())];
        };
        let mut items = Vec::new();
        if let Answer::More(bytes) = answer {
            match &mut self.open {
                Open::Map(map) => map.types.extend_from_slice(bytes),
                Open::Run(_, context) => context.extend_from_slice(bytes),
                Open::Spec(spec) => spec.extend_from_slice(bytes),
                Open::Nothing => self.add(bytes, &mut items),
            }
            return items;
        }
        if let (Open::Spec(spec), Answer::Spec(piece)) = (&mut self.open, &answer) {
            spec.extend_from_slice(piece);
            return items;
        }
        self.close(&mut items);
        match answer {
            Answer::Program(program) => items.push(self.program(&program)),
            Answer::Map(map) if self.shape == Shape::Maps => items.push(self.map(&map)),
            Answer::Map(map) => self.open = Open::Map(Box::new(Subject::new(&map))),
            Answer::Entries(bytes) | Answer::Records(bytes) => self.add(bytes, &mut items),
            Answer::Link(link) => items.push(self.link(&link, named)),
            Answer::Function { offset } => items.push(self.function(offset, named)),
            Answer::Ran {
                end,
                duration,
                context,
            } => self.open = Open::Run(told::Ran { end, duration }, context.to_vec()),
            Answer::Lost(count) => items.push(self.lost(count)),
            Answer::Lines(lines) => self.lines(lines, &mut items),
            Answer::Spec(piece) => self.open = Open::Spec(piece.to_vec()),
            Answer::More(_) => {}
        }
        items
    }

    /// What is still to be shown when the request has ended.
    pub fn end(&mut self) -> Vec<Item> {
        let mut items = Vec::new();
        self.close(&mut items);
        if let Some(entries) = self.entries.take() {
            items.extend(entries.end(self.format));
        }
        items.extend(self.behind.drain(..).map(Item::Line));
        items
    }

    /// Ends what was going on.
    fn close(&mut self, items: &mut Vec<Item>) {
        match std::mem::take(&mut self.open) {
            Open::Nothing => {}
            Open::Map(map) if self.shape == Shape::Map => items.extend(map.shown(self.format)),
            Open::Map(map) => self.entries = Some(Entries::new(*map)),
            Open::Run(ran, context) => items.extend(ran.shown(&context, self.format)),
            Open::Spec(bytes) => items.extend(spec::shown(&bytes, self.format)),
        }
    }

    fn add(&mut self, bytes: &[u8], items: &mut Vec<Item>) {
        if let Some(entries) = &mut self.entries {
            let all = self.shape == Shape::Entry;
            items.extend(entries.add(bytes, self.format, all));
        }
    }

    fn lost(&self, count: u64) -> Item {
        match self.format {
            Format::Text => Item::Note(format!(
                "uio: {count} records found no room since the ring buffer exists; make it larger, or read it more often"
            )),
            Format::Json => Item::Json(json!({ "type": "lost", "records": count })),
        }
    }

    fn lines(&self, lines: &[u8], items: &mut Vec<Item>) {
        let text = String::from_utf8_lossy(lines);
        match self.format {
            Format::Text => {
                let shown: String = text
                    .split_inclusive('\n')
                    .map(|line| match line.strip_suffix('\n') {
                        Some(line) => format!("{}\n", printable(line.as_bytes())),
                        None => printable(line.as_bytes()),
                    })
                    .collect();
                items.push(Item::Raw(shown));
            }
            Format::Json => items.push(Item::Json(json!({ "type": "lines", "text": text }))),
        }
    }
}
