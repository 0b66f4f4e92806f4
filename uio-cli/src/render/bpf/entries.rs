//! Entries of maps and records of ring buffers, which come as streams of bytes.

use serde_json::{Value, json};
use uio_bpf::bundle::MapKind;
use uio_bpf::wire::Map;
use uio_bpf_object::map_kind_name;
use uio_bpf_object::types::{Types, render, text};

use super::super::Format;
use super::super::parts::{printable, size};
use super::Item;
use super::told::map_json;

/// Bytes that values of each core are filled up to.
const CORE_UNIT: usize = 8;

/// Bytes of an address in a stack.
const ADDRESS: usize = 8;

/// A map that is being told of.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    kind: MapKind,
    name: String,
    key: usize,
    value: usize,
    cores: usize,
    json: Value,
    lines: Vec<String>,
    /// What keys and values are made of, encoded.
    pub(super) types: Vec<u8>,
}

impl Subject {
    pub(super) fn new(map: &Map<'_>) -> Self {
        Self {
            kind: map.kind,
            name: printable(map.name.as_bytes()),
            key: map.key_size as usize,
            value: map.value_size as usize,
            cores: map.values.max(1) as usize,
            json: map_json(map),
            lines: vec![
                format!("id        {}", map.id),
                format!("name      {}", printable(map.name.as_bytes())),
                format!("type      {}", map_kind_name(map.kind)),
                format!("key       {} bytes", map.key_size),
                match map.values {
                    0 | 1 => format!("value     {} bytes", map.value_size),
                    cores => format!(
                        "value     {} bytes for each of {cores} cores",
                        map.value_size
                    ),
                },
                format!("entries   {} at most", map.max_entries),
                format!("memory    {}", size(map.memory)),
            ],
            types: map.types.to_vec(),
        }
    }

    fn types(&self) -> Types {
        // Without types, values are numbers or bytes.
        Types::from_bytes(&self.types).unwrap_or_default()
    }

    /// The map itself.
    pub(super) fn shown(self, format: Format) -> Vec<Item> {
        let types = self.types();
        let name = |id: Option<_>| id.map(|id| types.c_name(id));
        match format {
            Format::Text => {
                let mut lines = self.lines;
                if let Some(name) = name(types.key) {
                    lines.push(format!("keys      {name}"));
                }
                if let Some(name) = name(types.value) {
                    lines.push(format!("values    {name}"));
                }
                lines.into_iter().map(Item::Line).collect()
            }
            Format::Json => {
                let mut document = self.json;
                document["key_type"] = name(types.key).into();
                document["value_type"] = name(types.value).into();
                vec![Item::Json(document)]
            }
        }
    }

    /// Bytes of an entry's values.
    fn values(&self) -> usize {
        match self.cores {
            1 => self.value,
            cores => self.value.next_multiple_of(CORE_UNIT) * cores,
        }
    }
}

/// Entries of a map, or records of a ring buffer.
pub(super) struct Entries {
    map: Subject,
    types: Types,
    bytes: Vec<u8>,
    shown: usize,
    /// Entries of arrays that were left out, as they are all zero.
    zero: usize,
}

impl Entries {
    pub(super) fn new(map: Subject) -> Self {
        Self {
            types: map.types(),
            map,
            bytes: Vec::new(),
            shown: 0,
            zero: 0,
        }
    }

    /// Takes the next bytes of the stream. As text, entries of arrays that are zero are left out unless `all` are wanted.
    pub(super) fn add(&mut self, bytes: &[u8], format: Format, all: bool) -> Vec<Item> {
        self.bytes.extend_from_slice(bytes);
        let mut items = Vec::new();
        while let Some(len) = self.next() {
            let piece: Vec<u8> = self.bytes.drain(..len).collect();
            if self.map.kind == MapKind::RingBuffer {
                items.push(self.record(piece.get(4..).unwrap_or_default(), format));
                continue;
            }
            let (key, value) = piece.split_at(self.map.key);
            let array = matches!(self.map.kind, MapKind::Array | MapKind::PerCpuArray);
            if array && !all && format == Format::Text && value.iter().all(|&byte| byte == 0) {
                self.zero += 1;
                continue;
            }
            self.shown += 1;
            items.push(self.entry(key, value, format));
        }
        items
    }

    /// How long the next entry or record is, if all of it is there.
    fn next(&self) -> Option<usize> {
        let len = match self.map.kind {
            MapKind::RingBuffer => 4 + u32::from_le_bytes(*self.bytes.first_chunk()?) as usize,
            _ => self.map.key + self.map.values(),
        };
        (len != 0 && len <= self.bytes.len()).then_some(len)
    }

    /// What is said in the end.
    pub(super) fn end(self, format: Format) -> Vec<Item> {
        let words = match (format, self.shown, self.zero) {
            (Format::Json, ..) | (_, _, 0) => return Vec::new(),
            (_, 0, zero) => format!("all {zero} entries of `{}` are zero", self.map.name),
            (_, _, zero) => format!("and {zero} that are zero"),
        };
        vec![Item::Line(words)]
    }

    fn record(&self, record: &[u8], format: Format) -> Item {
        match format {
            Format::Text => Item::Line(text(&self.types, self.types.value, record)),
            Format::Json => Item::Json(json!({
                "type": "bpf_record",
                "value": render(&self.types, self.types.value, record),
            })),
        }
    }

    fn entry(&self, key: &[u8], value: &[u8], format: Format) -> Item {
        let values: Vec<&[u8]> = match self.map.cores {
            1 => vec![value],
            _ => value
                .chunks(self.map.value.next_multiple_of(CORE_UNIT).max(1))
                .map(|value| value.get(..self.map.value).unwrap_or(value))
                .collect(),
        };
        match format {
            Format::Text => {
                let values: Vec<String> =
                    values.iter().map(|value| self.value_text(value)).collect();
                let shown = match self.map.cores {
                    1 => values.concat(),
                    _ => format!("[{}]", values.join(", ")),
                };
                let key = text(&self.types, self.types.key, key);
                Item::Line(format!("{key}: {shown}"))
            }
            Format::Json => {
                let mut object = json!({
                    "type": "bpf_entry",
                    "key": render(&self.types, self.types.key, key),
                });
                let mut values: Vec<Value> =
                    values.iter().map(|value| self.value_json(value)).collect();
                match self.map.cores {
                    1 => object["value"] = values.pop().unwrap_or_default(),
                    _ => object["values"] = values.into(),
                }
                Item::Json(object)
            }
        }
    }

    fn value_text(&self, value: &[u8]) -> String {
        match self.map.kind {
            MapKind::StackTrace => stack(value).join(" "),
            MapKind::ProgramArray => match number(value) {
                0 => "a program that is not loaded any more".to_owned(),
                id => format!("program {id}"),
            },
            _ => text(&self.types, self.types.value, value),
        }
    }

    fn value_json(&self, value: &[u8]) -> Value {
        match self.map.kind {
            MapKind::StackTrace => stack(value).into(),
            MapKind::ProgramArray => number(value).into(),
            _ => render(&self.types, self.types.value, value),
        }
    }
}

/// The addresses of a stack, innermost first.
fn stack(value: &[u8]) -> Vec<String> {
    let addresses = value.as_chunks::<ADDRESS>().0.iter();
    addresses
        .map(|bytes| u64::from_le_bytes(*bytes))
        .take_while(|&address| address != 0)
        .map(|address| format!("{address:#x}"))
        .collect()
}

fn number(value: &[u8]) -> u32 {
    value
        .first_chunk()
        .map_or(0, |bytes| u32::from_le_bytes(*bytes))
}
