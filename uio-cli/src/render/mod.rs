//! Typed answers as text for people, or as JSON for programs.
//!
//! Standard output gets the answer: bytes as they are, or tables, or one JSON document. Standard
//! error gets everything else.

pub mod bpf;
pub mod columns;
pub mod failure;
pub mod fault;
pub mod forbidden;
pub mod json;
pub mod parts;
pub mod relocation;
pub mod table;
pub mod text;
pub mod time;

use std::io::{self, Write};

use clap::ValueEnum;
use uio_console::FromGuest;
use uio_console::record::{Failure, Record};

use crate::client::Answer;
use crate::cmd::bpf::words::Spot;
use bpf::Item;
use forbidden::Refused;
use table::{Column, Table};

/// How answers are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Where answers go, and how.
pub struct Output<'a> {
    /// Standard output.
    pub out: &'a mut dyn Write,
    /// Standard error.
    pub err: &'a mut dyn Write,
    /// Text or JSON.
    pub format: Format,
    /// Whether standard output is a terminal that shows colours.
    pub colour: bool,
    /// Characters in a line of the terminal that standard output is; `None` when it is none.
    pub width: Option<usize>,
}

/// Finds symbols whose names are like one that is missing.
pub type NearMatches<'a> = &'a dyn Fn(&[u8]) -> Vec<String>;

/// Finds an instruction of a program that is refused: its name, and the instruction's number.
pub type Instructions<'a> = &'a dyn Fn(&str, u32) -> Option<Spot>;

/// Turns the messages of one request into output.
pub struct Renderer<'a, 'b> {
    output: &'a mut Output<'b>,
    argv: &'a [Vec<u8>],
    near: Option<NearMatches<'a>>,
    named: Option<bpf::Named<'a>>,
    instructions: Option<Instructions<'a>>,
    bpf: bpf::State,
    table: Option<Table>,
    document: Document,
    text: text::State,
    fault: fault::Report,
    verbose: bool,
    /// How programs are isolated, until the program of this request was seen to run.
    isolation: Option<&'a str>,
    /// A failure came.
    failed: bool,
    result: io::Result<()>,
}

/// What was begun of the JSON document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Document {
    /// Nothing.
    None,
    /// An array that is still open.
    Array,
    /// All of it.
    Whole,
}

impl<'a, 'b> Renderer<'a, 'b> {
    /// A renderer for the request `argv`.
    pub fn new(output: &'a mut Output<'b>, argv: &'a [Vec<u8>]) -> Self {
        Self {
            bpf: bpf::State::new(argv, output.format),
            named: None,
            instructions: None,
            output,
            argv,
            near: None,
            table: None,
            document: Document::None,
            text: text::State::default(),
            fault: fault::Report::default(),
            verbose: false,
            isolation: None,
            failed: false,
            result: Ok(()),
        }
    }

    /// Names symbols near to those that are missing.
    pub fn near_matches(&mut self, near: NearMatches<'a>) {
        self.near = Some(near);
    }

    /// Names what eBPF programs are attached to.
    pub fn names(&mut self, named: bpf::Named<'a>) {
        self.named = Some(named);
    }

    /// Shows instructions at which programs are refused.
    pub fn instructions(&mut self, instructions: Instructions<'a>) {
        self.instructions = Some(instructions);
    }

    /// Shows registers after a fault.
    pub fn verbose(&mut self, on: bool) {
        self.verbose = on;
    }

    /// Says how programs are isolated once one runs.
    pub fn isolation(&mut self, isolation: &'a str) {
        if self.argv.first().is_some_and(|name| name == b"run") {
            self.isolation = Some(isolation);
        }
    }

    /// Takes in one message of the request.
    pub fn message(&mut self, message: &FromGuest<'_>) {
        if self.result.is_ok() {
            self.result = self.try_message(message);
        }
    }

    /// Whether standard output or error could not be written to any more; the request may as well
    /// be interrupted.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.result.is_err()
    }

    fn try_message(&mut self, message: &FromGuest<'_>) -> io::Result<()> {
        match message {
            FromGuest::Stdout { data, .. } => {
                self.begun(true)?;
                self.end_table()?;
                self.output.out.write_all(data)?;
                self.output.out.flush()
            }
            FromGuest::Stderr { data, .. } => {
                self.begun(true)?;
                self.output.out.flush()?;
                self.output.err.write_all(data)?;
                self.output.err.flush()
            }
            FromGuest::Record {
                record: Record::Loaded { .. },
                ..
            } => self.begun(false),
            FromGuest::Record { record, .. } if self.fault.take(record) => Ok(()),
            FromGuest::Record {
                record: Record::Bpf(data),
                ..
            } => {
                let items = self.bpf.take(data, &self.named.unwrap_or(&|_| None));
                self.items(items)
            }
            FromGuest::Record { record, .. } => match self.output.format {
                Format::Text => self.text_record(record),
                Format::Json => self.json_record(record),
            },
            FromGuest::Failure { failure, .. } => self.failure(failure),
            FromGuest::Hello(_)
            | FromGuest::Credit { .. }
            | FromGuest::Exit { .. }
            | FromGuest::Closed { .. } => Ok(()),
        }
    }

    fn failure(&mut self, failure: &Failure<'_>) -> io::Result<()> {
        let ran = matches!(
            failure,
            Failure::Fault { .. } | Failure::TimedOut { .. } | Failure::Interrupted
        );
        if ran {
            self.begun(true)?;
        }
        self.failed = true;
        self.end_table()?;
        self.output.out.flush()?;
        if let Failure::Fault { .. } = failure {
            return self.fault(failure);
        }
        let mut words = failure::words(self.argv, failure);
        if let (Failure::Bpf { data, .. }, Some(find)) = (failure, self.instructions)
            && let Some((program, at)) = bpf::words::instruction(data)
            && let Some(spot) = find(&program, at)
        {
            return self.rejected(&words, &spot);
        }
        if let Some(refused) = Refused::of(failure) {
            return self.refused(&words, &refused);
        }
        if let Some(near) = self.near
            && let Some(name) = failure::missing_symbol(failure)
        {
            words.push_str(&failure::near(&near(name)));
        }
        complain(self.output.err, self.output.format, &words)
    }

    fn fault(&mut self, failure: &Failure<'_>) -> io::Result<()> {
        let report = std::mem::take(&mut self.fault);
        let program = failure::program(self.argv);
        let words = fault::words(failure, &report, &program);
        let words = format!("run: {words}");
        match self.output.format {
            Format::Text => {
                let lines = report.lines(&program, self.verbose);
                writeln!(self.output.err, "{words}{lines}")
            }
            Format::Json => {
                let fault = report.json(failure);
                let object = serde_json::json!({ "error": words, "fault": fault });
                writeln!(self.output.err, "{object}")
            }
        }
    }

    fn rejected(&mut self, words: &str, spot: &Spot) -> io::Result<()> {
        match self.output.format {
            Format::Text => writeln!(self.output.err, "{words}{}", spot.lines()),
            Format::Json => {
                let object = serde_json::json!({ "error": words, "instruction": spot.json() });
                writeln!(self.output.err, "{object}")
            }
        }
    }

    /// Shows what was told about eBPF.
    fn items(&mut self, items: Vec<Item>) -> io::Result<()> {
        let streams = json::streams(self.argv);
        for item in items {
            match item {
                Item::Row(headings, row) => self.row(headings, row)?,
                Item::Line(line) => {
                    self.end_table()?;
                    writeln!(self.output.out, "{line}")?;
                }
                Item::Raw(text) => {
                    self.end_table()?;
                    self.output.out.write_all(text.as_bytes())?;
                }
                Item::Json(value) => {
                    self.document(&value, bpf::shape(self.argv).stands_alone())?;
                }
                Item::Note(words) => {
                    self.end_table()?;
                    self.output.out.flush()?;
                    complain(self.output.err, self.output.format, &words)?;
                }
            }
        }
        match streams {
            true => self.output.out.flush(),
            false => Ok(()),
        }
    }

    /// Adds a row to the table that there is, or to a new one.
    fn row(&mut self, headings: &'static [Column], row: Vec<String>) -> io::Result<()> {
        let other = |table: &Table| !table.has(headings);
        if self.table.as_ref().is_some_and(other) {
            self.end_table()?;
            writeln!(self.output.out)?;
        }
        self.table
            .get_or_insert_with(|| Table::new(headings))
            .push(row);
        Ok(())
    }

    fn refused(&mut self, words: &str, refused: &Refused<'_>) -> io::Result<()> {
        match self.output.format {
            Format::Text => writeln!(self.output.err, "{words}{}", refused.lines()),
            Format::Json => {
                let object = serde_json::json!({ "error": words, "forbidden": refused.json() });
                writeln!(self.output.err, "{object}")
            }
        }
    }

    /// The program of this request runs: says, once, how it is isolated. Standard output is its own.
    fn begun(&mut self, cached: bool) -> io::Result<()> {
        let Some(isolation) = self.isolation.take() else {
            return Ok(());
        };
        match self.output.format {
            Format::Text => {
                let isolation = parts::printable(isolation.as_bytes());
                writeln!(self.output.err, "isolation: {isolation}")
            }
            Format::Json => {
                let object = serde_json::json!({
                    "type": "started",
                    "isolation": isolation,
                    "cached": cached,
                });
                writeln!(self.output.err, "{object}")
            }
        }
    }

    fn text_record(&mut self, record: &Record<'_>) -> io::Result<()> {
        if let Some((headings, row)) = text::row(record) {
            return self.row(headings, row);
        }
        self.text.record(self.output, record)?;
        if let Record::Log(_) = record {
            // Lines of a log that is followed are wanted as they come.
            self.output.out.flush()?;
        }
        Ok(())
    }

    fn json_record(&mut self, record: &Record<'_>) -> io::Result<()> {
        self.document(&json::record(record), json::stands_alone(record))
    }

    /// Adds an object to the document, of which it is all if it is the `single` one.
    fn document(&mut self, value: &serde_json::Value, single: bool) -> io::Result<()> {
        if json::streams(self.argv) {
            writeln!(self.output.out, "{value}")?;
            return self.output.out.flush();
        }
        match (self.document, single) {
            (Document::None, true) => {
                self.document = Document::Whole;
                writeln!(self.output.out, "{value}")
            }
            (Document::None, false) => {
                self.document = Document::Array;
                write!(self.output.out, "[\n{value}")
            }
            (Document::Array, _) => write!(self.output.out, ",\n{value}"),
            (Document::Whole, _) => writeln!(self.output.out, "{value}"),
        }
    }

    fn end_table(&mut self) -> io::Result<()> {
        if let Some(mut table) = self.table.take() {
            text::put_in_order(&mut table);
            text::write(&table, self.output)?;
        }
        self.text.end(self.output)
    }

    /// The request has ended with this status: completes what was begun.
    ///
    /// # Errors
    /// Why the output could not be written.
    pub fn finish(mut self, status: i32) -> io::Result<()> {
        self.result?;
        self.result = Ok(());
        if !self.failed {
            self.begun(true)?;
        }
        let rest = self.bpf.end();
        self.items(rest)?;
        self.end_table()?;
        if self.output.format == Format::Json {
            match self.document {
                Document::Array => writeln!(self.output.out, "\n]")?,
                Document::None
                    if status == 0 && json::lists(self.argv) && !json::streams(self.argv) =>
                {
                    writeln!(self.output.out, "[]")?;
                }
                Document::None | Document::Whole => {}
            }
        }
        self.output.out.flush()?;
        self.output.err.flush()
    }
}

/// Writes a complaint: a line of text, or a JSON object with the member `error`.
///
/// # Errors
/// Why it could not be written.
pub fn complain(err: &mut dyn Write, format: Format, words: &str) -> io::Result<()> {
    match format {
        Format::Text => writeln!(err, "{words}"),
        Format::Json => writeln!(err, "{}", serde_json::json!({ "error": words })),
    }
}

/// An answer as text, for use without a terminal.
#[must_use]
pub fn words_of(answer: &Answer) -> String {
    answer.failures.join("\n")
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
