//! The specification of a runtime.

use serde_json::{Value, json};
use uio_bpf::helper::{Argument, Returned};
use uio_bpf::kind::Kind;
use uio_bpf::spec::{Field, FieldKind, HelperSpec, Spec};
use uio_bpf_object::section;

use super::super::Format;
use super::super::parts::{printable, size};
use super::super::table::{Align, Column};
use super::Item;
use crate::cmd::bpf::words::wanted;
use Align::{Left, Right};

const KINDS: &[Column] = &[("TYPE", Left), ("CONTEXT", Right), ("RETURNS", Left)];
const MAPS: &[Column] = &[("MAP", Left), ("KEY", Right), ("VALUE", Right), ("", Left)];
const HELPERS: &[Column] = &[("ID", Right), ("HELPER", Left), ("DOES", Left)];
const PROBES: &[Column] = &[
    ("PROBE", Left),
    ("SIZE", Right),
    ("DECIDES", Left),
    ("FIELDS", Left),
];

/// Types of programs, by number.
const ALL: [Kind; 6] = [
    Kind::Executable,
    Kind::Fentry,
    Kind::Fexit,
    Kind::Probe,
    Kind::Timer,
    Kind::Syscall,
];

/// An encoded specification.
pub(super) fn shown(bytes: &[u8], format: Format) -> Vec<Item> {
    let Ok(spec) = postcard::from_bytes::<Spec<'_>>(bytes) else {
        let words = "uio: the guest's specification has another form than this `uio` knows; use one of the same release";
        return vec![Item::Note(words.to_owned())];
    };
    match format {
        Format::Json => vec![Item::Json(document(&spec))],
        Format::Text => text(&spec),
    }
}

fn text(spec: &Spec<'_>) -> Vec<Item> {
    let limits = &spec.limits;
    let mut items = vec![
        Item::Line(format!(
            "runtime {}, instruction set version {}, {} cores",
            spec.runtime, spec.cpu, limits.cores
        )),
        Item::Line(format!(
            "programs of {} instructions, {} a run unless told otherwise, {} functions deep with {} bytes of stack each, \
             {} tail calls, {} for programs and maps",
            limits.insns,
            limits.budget,
            limits.frames,
            limits.stack,
            limits.tail_calls,
            size(limits.memory)
        )),
    ];
    items.extend(spec.kinds.iter().map(|kind| {
        let size = match kind.size {
            0 => "varies".to_owned(),
            size => size.to_string(),
        };
        Item::Row(
            KINDS,
            vec![kind.name.to_owned(), size, kind.returns.to_owned()],
        )
    }));
    items.extend(spec.maps.iter().map(|map| {
        let note = if map.per_core { "for each core" } else { "" };
        Item::Row(
            MAPS,
            vec![
                map.name.to_owned(),
                bounds(map.key),
                bounds(map.value),
                note.to_owned(),
            ],
        )
    }));
    items.extend(spec.helpers.iter().map(|helper| {
        Item::Row(
            HELPERS,
            vec![
                helper.id.to_string(),
                helper.name.to_owned(),
                helper.doc.to_owned(),
            ],
        )
    }));
    items.extend(spec.probes.iter().map(|probe| {
        let fields: Vec<String> = probe
            .fields
            .iter()
            .map(|field| printable(field.name.as_bytes()))
            .collect();
        let decides = if probe.decides { "yes" } else { "no" };
        Item::Row(
            PROBES,
            vec![
                printable(probe.name.as_bytes()),
                probe.size.to_string(),
                decides.to_owned(),
                fields.join(", "),
            ],
        )
    }));
    items
}

fn bounds((least, most): (u32, u32)) -> String {
    match (least, most) {
        (least, most) if least == most => least.to_string(),
        (least, u32::MAX) => format!("{least} or more"),
        (least, most) => format!("{least} to {most}"),
    }
}

fn document(spec: &Spec<'_>) -> Value {
    let limits = &spec.limits;
    json!({
        "type": "bpf_spec",
        "version": spec.version,
        "bundle": spec.bundle,
        "cpu": spec.cpu,
        "runtime": spec.runtime,
        "limits": {
            "instructions": limits.insns,
            "budget": limits.budget,
            "stack": limits.stack,
            "frames": limits.frames,
            "tail_calls": limits.tail_calls,
            "grants": limits.grants,
            "memory": limits.memory,
            "cores": limits.cores,
        },
        "program_types": spec.kinds.iter().map(|kind| json!({
            "name": kind.name,
            "context_size": kind.size,
            "context": fields(&kind.context),
            "writable": kind.writable,
            "returns": kind.returns,
        })).collect::<Vec<_>>(),
        "map_types": spec.maps.iter().map(|map| json!({
            "name": map.name,
            "number": map.kind as u8,
            "key": { "least": map.key.0, "most": map.key.1 },
            "value": { "least": map.value.0, "most": map.value.1, "multiple_of": map.value_unit },
            "power_of_two": map.power_of_two,
            "per_core": map.per_core,
            "flags": map.flags,
        })).collect::<Vec<_>>(),
        "helpers": spec.helpers.iter().map(helper).collect::<Vec<_>>(),
        "probes": spec.probes.iter().map(|probe| json!({
            "name": probe.name,
            "context_size": probe.size,
            "decides": probe.decides,
            "context": fields(&probe.fields),
        })).collect::<Vec<_>>(),
    })
}

fn helper(helper: &HelperSpec<'_>) -> Value {
    let kinds = ALL
        .into_iter()
        .filter(|kind| helper.kinds >> *kind as u32 & 1 != 0);
    json!({
        "id": helper.id,
        "name": helper.name,
        "does": helper.doc,
        "arguments": helper.arguments.iter().map(|argument| argument_json(*argument)).collect::<Vec<_>>(),
        "returns": returned(helper.returns),
        "program_types": kinds.map(section::word).collect::<Vec<_>>(),
    })
}

fn argument_json(argument: Argument) -> Value {
    json!({ "kind": format!("{argument:?}"), "is": wanted(argument) })
}

fn returned(returned: Returned) -> String {
    match returned {
        Returned::Nothing => "nothing".to_owned(),
        Returned::Number => "a number; errors are negative".to_owned(),
        Returned::ValueOrNull => "a value of the map, or 0".to_owned(),
        Returned::RecordOrNull(number) => {
            format!("memory to write, as long as argument {number} says, or 0; given back once")
        }
        Returned::MemoryOrNull(len) => format!("{len} bytes of memory to read, or 0"),
    }
}

fn fields(fields: &[Field<'_>]) -> Vec<Value> {
    let field = |field: &Field<'_>| {
        json!({
            "name": field.name,
            "offset": field.offset,
            "size": field.size,
            "count": field.count,
            "kind": match field.kind {
                FieldKind::Unsigned => "unsigned",
                FieldKind::Signed => "signed",
                FieldKind::Bytes => "bytes",
            },
        })
    };
    fields.iter().map(field).collect()
}
