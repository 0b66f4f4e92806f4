//! Programs, maps, links, runs.

use serde_json::{Value, json};
use uio_bpf::run::Stop;
use uio_bpf::wire::{Ended, Link, Map, Place, Program};
use uio_bpf_object::{map_kind_name, section};

use super::super::Format;
use super::super::parts::{printable, size};
use super::super::table::{Align, Column};
use super::{Item, Named, State};
use crate::client::hello::hex;
use crate::cmd::bpf::words;
use Align::{Left, Right};

const PROGRAMS: &[Column] = &[
    ("ID", Right),
    ("NAME", Left),
    ("TYPE", Left),
    ("INSNS", Right),
    ("CODE", Left),
    ("LINKS", Right),
    ("TARGET", Left),
];
const MAPS: &[Column] = &[
    ("ID", Right),
    ("NAME", Left),
    ("TYPE", Left),
    ("KEY", Right),
    ("VALUE", Right),
    ("ENTRIES", Right),
    ("MEMORY", Right),
];
const LINKS: &[Column] = &[
    ("LINK", Right),
    ("PROGRAM", Left),
    ("TYPE", Left),
    ("RUNS", Right),
    ("STOPPED", Right),
    ("TO", Left),
];

impl State {
    pub(super) fn program(&self, program: &Program<'_>) -> Item {
        let kind = section::word(program.kind);
        match self.format {
            Format::Json => Item::Json(json!({
                "type": "bpf_program",
                "id": program.id,
                "name": program.name,
                "kind": kind,
                "target": program.target,
                "instructions": program.insns,
                "native_bytes": program.native,
                "links": program.links,
            })),
            Format::Text => Item::Row(
                PROGRAMS,
                vec![
                    program.id.to_string(),
                    printable(program.name.as_bytes()),
                    kind.to_owned(),
                    program.insns.to_string(),
                    match program.native {
                        0 => "interpreted".to_owned(),
                        bytes => format!("{bytes} bytes"),
                    },
                    program.links.to_string(),
                    printable(program.target.as_bytes()),
                ],
            ),
        }
    }

    pub(super) fn map(&self, map: &Map<'_>) -> Item {
        match self.format {
            Format::Json => Item::Json(map_json(map)),
            Format::Text => Item::Row(
                MAPS,
                vec![
                    map.id.to_string(),
                    printable(map.name.as_bytes()),
                    map_kind_name(map.kind).to_owned(),
                    map.key_size.to_string(),
                    map.value_size.to_string(),
                    map.max_entries.to_string(),
                    size(map.memory),
                ],
            ),
        }
    }

    pub(super) fn link(&mut self, link: &Link<'_>, named: Named<'_>) -> Item {
        let kind = section::word(link.kind);
        if self.format == Format::Json {
            return Item::Json(json!({
                "type": "bpf_link",
                "id": link.id,
                "program": link.program,
                "name": link.name,
                "kind": kind,
                "to": to_json(&link.to, named),
                "runs": link.runs,
                "stopped": link.stopped,
                "last_stop": link.last.map(|(why, at)| stop_json(&why, at)),
            }));
        }
        let name = printable(link.name.as_bytes());
        if let Some((why, at)) = &link.last {
            self.behind.push(format!(
                "link {}: `{name}` was last ended at instruction {at}: {}",
                link.id,
                words::stop(why)
            ));
        }
        Item::Row(
            LINKS,
            vec![
                link.id.to_string(),
                name,
                kind.to_owned(),
                link.runs.to_string(),
                link.stopped.to_string(),
                to_text(&link.to, named),
            ],
        )
    }

    pub(super) fn function(&mut self, offset: u64, named: Named<'_>) -> Item {
        let name = named(offset);
        if self.format == Format::Json {
            return Item::Json(json!({ "type": "function", "offset": offset, "name": name }));
        }
        let name = name.unwrap_or_else(|| "?".to_owned());
        Item::Line(format!("  +{offset:#x}  {name}"))
    }
}

/// What is told of a map, but for its types.
pub(super) fn map_json(map: &Map<'_>) -> Value {
    json!({
        "type": "bpf_map",
        "id": map.id,
        "name": map.name,
        "kind": map_kind_name(map.kind),
        "key_size": map.key_size,
        "value_size": map.value_size,
        "max_entries": map.max_entries,
        "flags": map.flags,
        "memory": map.memory,
        "values": map.values,
    })
}

fn to_text(to: &Place<'_>, named: Named<'_>) -> String {
    match *to {
        Place::Functions { count, first } => {
            let name = named(first).unwrap_or_else(|| format!("+{first:#x}"));
            match count {
                0 => "nothing".to_owned(),
                1 => name,
                count => format!("{name} and {} more", count - 1),
            }
        }
        Place::Probe(name) => format!("probe {}", printable(name.as_bytes())),
        Place::Timer(us) => format!("every {}", interval(us)),
    }
}

fn to_json(to: &Place<'_>, named: Named<'_>) -> Value {
    match *to {
        Place::Functions { count, first } => {
            json!({ "functions": count, "first_offset": first, "first_name": named(first) })
        }
        Place::Probe(name) => json!({ "probe": name }),
        Place::Timer(us) => json!({ "interval_us": us }),
    }
}

/// A span of microseconds, in the unit that it is a whole number of.
fn interval(us: u64) -> String {
    match us {
        us if us.is_multiple_of(1_000_000) => format!("{} s", us / 1_000_000),
        us if us.is_multiple_of(1000) => format!("{} ms", us / 1000),
        us => format!("{us} µs"),
    }
}

fn stop_json(why: &Stop, at: u32) -> Value {
    json!({ "instruction": at, "why": words::stop(why) })
}

/// A run that has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ran {
    pub(super) end: Ended,
    pub(super) duration: u64,
}

impl Ran {
    /// It, with its buffer.
    pub(super) fn shown(&self, context: &[u8], format: Format) -> Vec<Item> {
        if format == Format::Json {
            let mut document = json!({
                "type": "bpf_run",
                "duration_ns": self.duration,
                "memory": hex(context),
            });
            match self.end {
                Ended::Returned(value) => {
                    document["returned"] = value.into();
                    document["hex"] = format!("{value:#x}").into();
                }
                Ended::Stopped(why, at) => document["stopped"] = stop_json(&why, at),
            }
            return vec![Item::Json(document)];
        }
        let took = crate::trace::histogram::duration(self.duration);
        let mut items = vec![match self.end {
            Ended::Returned(value) => {
                Item::Line(format!("returned {value} ({value:#x}) after {took}"))
            }
            Ended::Stopped(why, at) => Item::Note(format!(
                "bpf: run: ended at instruction {at} after {took}: {}",
                words::stop(&why)
            )),
        }];
        items.extend(context.chunks(16).enumerate().map(|(line, bytes)| {
            let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            Item::Line(format!("{:08x}  {}", line * 16, bytes.join(" ")))
        }));
        items
    }
}
