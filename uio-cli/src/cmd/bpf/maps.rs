//! What is in the maps of this process.

use serde_json::{Value, json};
use uio_bpf::bundle::MapKind;
use uio_bpf::map::{Map, Record};
use uio_bpf_object::map_kind_name;
use uio_bpf_object::types::{Types, render, text as show};

/// An entry: its key and value.
type Entry = (Vec<u8>, Vec<u8>);

/// Entries of a map, but for those of arrays that are all zero.
fn entries(map: &Map) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut key = vec![0; map.key_size() as usize];
    for position in 0..map.positions() {
        let mut value = vec![0; map.value_len()];
        if map.key_at(position, &mut key, 0) != Ok(true) || map.read(&key, &mut value, 0).is_err() {
            continue;
        }
        let always = matches!(map.kind(), MapKind::Array | MapKind::PerCpuArray);
        if !always || value.iter().any(|&byte| byte != 0) {
            found.push((key.clone(), value));
        }
    }
    found
}

/// Programs of a program array, by their slots.
fn programs(map: &Map) -> Vec<(u32, String)> {
    let slots = map.programs();
    let taken = |slot| Some((slot, slots?.get(slot, 0)?.name.to_string()));
    (0..map.positions()).filter_map(taken).collect()
}

/// Records of a ring buffer, which are taken from it.
fn records(map: &Map) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let Some(ring) = map.ring() else {
        return found;
    };
    let mut buffer = vec![0; map.def().max_entries as usize];
    while let Record::Read(len) = ring.read(&mut buffer) {
        found.extend(buffer.get(..len).map(<[u8]>::to_vec));
    }
    found
}

/// The value of an entry: there is one core, so there is one.
fn value<'e>(map: &Map, entry: &'e Entry) -> &'e [u8] {
    let len = entry.1.len().min(map.value_size() as usize);
    &entry.1[..len]
}

/// A map as text.
pub(super) fn text(map: &Map) -> String {
    let def = map.def();
    let types = Types::from_bytes(&def.types).unwrap_or_default();
    let mut text = format!("map {} ({}):", def.name, map_kind_name(def.kind));
    if def.kind == MapKind::RingBuffer {
        let records = records(map);
        text += &format!(" {} records\n", records.len());
        for record in &records {
            text += &format!("  {}\n", show(&types, types.value, record));
        }
        return text;
    }
    if map.kind() == MapKind::ProgramArray {
        let programs = programs(map);
        text += if programs.is_empty() {
            " empty\n"
        } else {
            "\n"
        };
        for (slot, name) in programs {
            text += &format!("  {slot}: {name}\n");
        }
        return text;
    }
    let entries = entries(map);
    text += match (entries.is_empty(), def.kind) {
        (true, MapKind::Array | MapKind::PerCpuArray) => " all zero\n",
        (true, _) => " empty\n",
        (false, _) => "\n",
    };
    for entry in &entries {
        let key = show(&types, types.key, &entry.0);
        text += &format!(
            "  {key}: {}\n",
            show(&types, types.value, value(map, entry))
        );
    }
    text
}

/// A map as JSON.
pub(super) fn json(map: &Map) -> Value {
    let def = map.def();
    let types = Types::from_bytes(&def.types).unwrap_or_default();
    let mut document = json!({ "name": def.name, "kind": map_kind_name(def.kind) });
    if def.kind == MapKind::RingBuffer {
        let records = records(map);
        document["records"] = records
            .iter()
            .map(|record| render(&types, types.value, record))
            .collect();
        return document;
    }
    if map.kind() == MapKind::ProgramArray {
        document["entries"] = programs(map)
            .into_iter()
            .map(|(slot, name)| json!({ "key": slot, "value": name }))
            .collect();
        return document;
    }
    document["entries"] = entries(map)
        .iter()
        .map(|entry| {
            json!({
                "key": render(&types, types.key, &entry.0),
                "value": render(&types, types.value, value(map, entry)),
            })
        })
        .collect();
    document
}
