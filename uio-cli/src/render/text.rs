//! Records as text: rows of tables, or lines of their own.

use std::fmt::Write as _;
use std::io::{self, Write};

use uio_console::record::{Entry, Job, Kind, LogLine, Memory, Record, Stat};

use super::Output;
use super::columns;
use super::parts::{demangled, job_state, kind, level, mode, printable, size, task_state};
use super::table::{Align, Column, Table};
use super::time;
use crate::client::hello::hex;
use crate::cmd::guest_commands;
use Align::{Left, Right};

/// Of `ls`, where only names are told.
const NAMES: &[Column] = &[("", Left)];
/// Of `ls -l`.
const ENTRIES: &[Column] = &[("", Left), ("", Right), ("", Right), ("", Left), ("", Left)];
const TASKS: &[Column] = &[
    ("ID", Right),
    ("PRIO", Right),
    ("CORE", Right),
    ("STATE", Left),
    ("STACK USED", Right),
    ("SIZE", Right),
    ("NAME", Left),
];
const MEMORY: &[Column] = &[
    ("", Left),
    ("total", Right),
    ("used", Right),
    ("free", Right),
];
const COMMANDS: &[Column] = &[("", Left), ("", Left)];
const SYMBOLS: &[Column] = &[("", Left), ("", Right), ("", Left), ("", Left)];
const PROGRAMS: &[Column] = &[
    ("BASE", Left),
    ("SIZE", Right),
    ("RUNS", Right),
    ("RUNNING", Right),
    ("PATH", Left),
];
const JOBS: &[Column] = &[
    ("JOB", Right),
    ("TASK", Right),
    ("STATE", Left),
    ("FOR", Right),
    ("LIMIT", Right),
    ("SHARE", Left),
    ("POLICY", Left),
    ("NAME", Left),
];

/// A record of a kind that comes in lists, as a row of its table.
#[must_use]
pub fn row(record: &Record<'_>) -> Option<(&'static [Column], Vec<String>)> {
    Some(match record {
        Record::Command { name } => {
            let known = guest_commands::find(name);
            let usage = known.map_or((*name).to_owned(), |command| command.usage.to_owned());
            let help = known.map_or(String::new(), |command| command.help.to_owned());
            (COMMANDS, vec![printable(usage.as_bytes()), help])
        }
        Record::Entry(entry) => match &entry.stat {
            Some(stat) => (ENTRIES, entry_row(entry.name, stat)),
            None => (NAMES, vec![entry_name(entry)]),
        },
        Record::Task(task) => (
            TASKS,
            vec![
                task.id.to_string(),
                task.priority.to_string(),
                task.core.to_string(),
                task_state(task.state).to_owned(),
                size(task.stack_used),
                size(task.stack_size),
                printable(task.name.as_bytes()),
            ],
        ),
        Record::Symbol(symbol) => (
            SYMBOLS,
            vec![
                match symbol.offset {
                    0 => format!("{:#x}", symbol.address),
                    offset => format!("{:#x}+{offset:#x}", symbol.address),
                },
                symbol.size.to_string(),
                if symbol.function {
                    "function"
                } else {
                    "object"
                }
                .to_owned(),
                demangled(symbol.name),
            ],
        ),
        Record::Program(program) => (
            PROGRAMS,
            vec![
                format!("{:#x}", program.base),
                size(program.size),
                program.runs.to_string(),
                program.running.to_string(),
                printable(program.path),
            ],
        ),
        Record::Job(job) => (JOBS, job_row(job)),
        _ => return None,
    })
}

/// Puts the rows of a table in the order that people look for: files by name, tasks by number. The
/// guest sends them as they come, as sorting would cost it memory.
pub fn put_in_order(table: &mut Table) {
    if table.has(ENTRIES) {
        table.sort_by_key(|row| row.last().cloned());
    } else if table.has(NAMES) {
        table.sort_by_key(|row| {
            row.first()
                .map(|name| name.trim_end_matches('/').to_owned())
        });
    } else if table.has(TASKS) {
        table.sort_by_key(|row| row.first().and_then(|id| id.parse::<i64>().ok()));
    }
}

/// Writes a table; one of names as many side by side as the terminal has room for.
///
/// # Errors
/// Why it could not be written.
pub fn write(table: &Table, output: &mut Output<'_>) -> io::Result<()> {
    match output.width {
        Some(width) if table.has(NAMES) => columns::write(&table.first(), width, output.out),
        _ => table.write(output.out),
    }
}

/// The name of an entry, with a slash after that of a directory.
fn entry_name(entry: &Entry<'_>) -> String {
    let mut name = printable(entry.name);
    if entry.kind == Kind::Directory {
        name.push('/');
    }
    name
}

fn entry_row(name: &[u8], stat: &Stat) -> Vec<String> {
    vec![
        mode(stat.kind, stat.mode),
        stat.links.to_string(),
        stat.size.to_string(),
        time::date(stat.modified_ns / 1_000_000_000),
        printable(name),
    ]
}

fn job_row(job: &Job<'_>) -> Vec<String> {
    let (mut limit, mut share, mut policy) = Default::default();
    if let Some(bounds) = job.bounds {
        limit = bounds.time_ms.map_or("none".to_owned(), time::short);
        share = match bounds.below {
            true => "below".to_owned(),
            false => format!("{}%", bounds.cpu_share),
        };
        policy = bounds.policy.name().to_owned();
    }
    vec![
        format!("%{}", job.number),
        job.task.to_string(),
        job_state(job.state).to_owned(),
        time::short(job.age_ms),
        limit,
        share,
        policy,
        printable(job.name),
    ]
}

/// What the text of one record hands on to the next.
#[derive(Debug, Default)]
pub struct State {
    dump: Option<Dump>,
    copied: Option<u64>,
}

/// A hexadecimal dump whose last line is not full yet.
#[derive(Debug)]
struct Dump {
    at: u64,
    bytes: Vec<u8>,
    /// The line that was printed last, and whether lines like it were left out since.
    last: Option<(Vec<u8>, bool)>,
}

impl State {
    /// Writes a record that is no row of a table.
    ///
    /// # Errors
    /// Why it could not be written.
    pub fn record(&mut self, output: &mut Output<'_>, record: &Record<'_>) -> io::Result<()> {
        if let Record::Bytes { at, data } = record {
            return self.bytes(output.out, *at, data);
        }
        if let Record::Copied { bytes } = record {
            return self.copied(output, *bytes);
        }
        self.end(output)?;
        match record {
            Record::Stat(stat) => writeln!(output.out, "{}", stat_text(stat)),
            Record::Memory(memory) => memory_table(memory).write(output.out),
            Record::Uptime {
                since_boot_us,
                now_us,
                cores,
            } => writeln!(
                output.out,
                "{} UTC, up {}, {cores} {}",
                time::date(now_us / 1_000_000),
                time::span(*since_boot_us),
                if *cores == 1 { "core" } else { "cores" }
            ),
            Record::Log(line) => writeln!(output.out, "{}", log_text(line, output.colour)),
            Record::Policy { machine, session } => writeln!(
                output.out,
                "machine  {}\nsession  {}",
                machine.name(),
                session.name()
            ),
            Record::Version {
                kernel,
                overlay,
                arch,
                build_id,
                features,
                isolation,
                policy,
            } => {
                let mut text = String::new();
                for (name, value) in [
                    (
                        "kernel",
                        printable(format!("hermit {kernel} ({arch})").as_bytes()),
                    ),
                    ("overlay", printable(overlay.as_bytes())),
                    ("build id", hex(build_id)),
                    ("features", printable(features.as_bytes())),
                    ("isolation", printable(isolation.as_bytes())),
                    ("policy", policy.name().to_owned()),
                ] {
                    let _ = writeln!(text, "{name:<10} {value}");
                }
                write!(output.out, "{text}")
            }
            _ => Ok(()),
        }
    }

    /// Progress goes to the terminal, one line that overwrites itself; the total to the output.
    fn copied(&mut self, output: &mut Output<'_>, bytes: u64) -> io::Result<()> {
        self.copied = Some(bytes);
        if output.colour {
            write!(output.err, "\r\x1b[K{}", size(bytes))?;
            output.err.flush()?;
        }
        Ok(())
    }

    fn bytes(&mut self, out: &mut dyn Write, at: u64, data: &[u8]) -> io::Result<()> {
        let follows = self
            .dump
            .as_ref()
            .is_some_and(|dump| dump.at.wrapping_add(dump.bytes.len() as u64) == at);
        if !follows {
            self.end_dump(out)?;
        }
        let dump = self.dump.get_or_insert_with(|| Dump {
            at,
            bytes: Vec::new(),
            last: None,
        });
        dump.bytes.extend_from_slice(data);
        let whole = dump.bytes.len() / 16 * 16;
        let lines: Vec<u8> = dump.bytes.drain(..whole).collect();
        for line in lines.chunks(16) {
            dump.line(out, line)?;
        }
        Ok(())
    }

    /// Writes what is still to be written when something else comes, or nothing any more.
    ///
    /// # Errors
    /// Why it could not be written.
    pub fn end(&mut self, output: &mut Output<'_>) -> io::Result<()> {
        if let Some(bytes) = self.copied.take() {
            if output.colour {
                write!(output.err, "\r\x1b[K")?;
            }
            writeln!(output.out, "{bytes} bytes copied")?;
        }
        self.end_dump(output.out)
    }

    fn end_dump(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let Some(mut dump) = self.dump.take() else {
            return Ok(());
        };
        let rest = std::mem::take(&mut dump.bytes);
        if !rest.is_empty() {
            dump.line(out, &rest)?;
        }
        writeln!(out, "{}", position(dump.at))
    }
}

impl Dump {
    /// Writes a line as `hexdump -C` does: a line like the one before is left out, and the first of
    /// such lines is a `*`.
    fn line(&mut self, out: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
        let at = self.at;
        self.at = at.wrapping_add(bytes.len() as u64);
        if let Some((last, skipping)) = &mut self.last
            && last == bytes
        {
            return match std::mem::replace(skipping, true) {
                true => Ok(()),
                false => writeln!(out, "*"),
            };
        }
        self.last = Some((bytes.to_vec(), false));
        let mut line = format!("{} ", position(at));
        for index in 0..16 {
            if index % 8 == 0 {
                line.push(' ');
            }
            match bytes.get(index) {
                Some(byte) => {
                    let _ = write!(line, "{byte:02x} ");
                }
                None => line.push_str("   "),
            }
        }
        line.push_str(" |");
        line.extend(bytes.iter().map(|&byte| match byte {
            b' '..=b'~' => char::from(byte),
            _ => '.',
        }));
        writeln!(out, "{line}|")
    }
}

/// Where a line of a dump begins: eight digits for files of everyday size, more for addresses.
fn position(at: u64) -> String {
    if at > u64::from(u32::MAX) {
        format!("{at:016x}")
    } else {
        format!("{at:08x}")
    }
}

fn stat_text(stat: &Stat) -> String {
    format!(
        "{}  mode {:04o}  size {}  inode {}  links {}  owner {}:{}  modified {}",
        kind(stat.kind),
        stat.mode & 0o7777,
        stat.size,
        stat.inode,
        stat.links,
        stat.uid,
        stat.gid,
        time::date(stat.modified_ns / 1_000_000_000)
    )
}

fn memory_table(memory: &Memory) -> Table {
    let pair = |name: &str, total: u64, free: u64| {
        let used = total.saturating_sub(free);
        vec![name.to_owned(), size(total), size(used), size(free)]
    };
    let alone =
        |name: &str, total: u64| vec![name.to_owned(), size(total), String::new(), String::new()];
    let heap_free = memory.heap_total.saturating_sub(memory.heap_used);
    let mut table = Table::new(MEMORY);
    table.push(pair("memory", memory.total, memory.frames_free));
    table.push(pair("heap", memory.heap_total, heap_free));
    table.push(alone("overlay", memory.overlay));
    table.push(alone("programs", memory.programs));
    table
}

fn log_text(line: &LogLine<'_>, colour: bool) -> String {
    let (on, off) = match (colour, line.level) {
        (true, 1) => ("\x1b[31m", "\x1b[0m"),
        (true, 2) => ("\x1b[33m", "\x1b[0m"),
        (true, 3) => ("\x1b[32m", "\x1b[0m"),
        (true, 4..) => ("\x1b[2m", "\x1b[0m"),
        _ => ("", ""),
    };
    format!(
        "[{:4}.{:06}] {on}{:<5}{off} cpu {}  {}",
        line.at_us / 1_000_000,
        line.at_us % 1_000_000,
        level(line.level).to_ascii_uppercase(),
        line.core,
        printable(line.text)
    )
}
