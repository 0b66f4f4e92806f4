//! `uio bpf dump`: what is in an object.

use std::fmt::Write;

use clap::Args;
use serde_json::{Value, json};
use uio_bpf::bundle::{MapDef, ProgramDef, WEAK, map_flags};
use uio_bpf_object::Object;
use uio_bpf_object::debug::{Line, ProgramDebug};
use uio_bpf_object::disasm::{Entry, listing};
use uio_bpf_object::map_kind_name;
use uio_bpf_object::section::word;
use uio_bpf_object::types::Types;

use super::input::{Input, helper_name};
use crate::cmd::{print, print_json};
use crate::error::{Error, Result, exit};
use crate::render::Format;

/// `uio bpf dump`
#[derive(Debug, Args)]
pub struct DumpArgs {
    /// The file.
    #[command(flatten)]
    pub input: Input,
    /// Show this program alone.
    #[arg(long, value_name = "NAME")]
    pub program: Option<String>,
    /// Show the bytes of instructions.
    #[arg(long)]
    pub bytes: bool,
}

/// Shows it.
///
/// # Errors
/// [`Error::Usage`] when the file is no object, or has no such program.
pub fn run(args: &DumpArgs, format: Format) -> Result<u8> {
    let object = args.input.read()?;
    let mut shown: Vec<_> = object
        .bundle
        .programs
        .iter()
        .zip(&object.debug.programs)
        .collect();
    if let Some(wanted) = &args.program {
        shown.retain(|(program, _)| program.name == *wanted);
        if shown.is_empty() {
            return Err(no_program(&object, wanted));
        }
    }
    match format {
        Format::Text => print(&text(&object, &shown, args.bytes))?,
        Format::Json => print_json(&document(&object, &shown))?,
    }
    Ok(exit::OK)
}

/// There is no such program.
pub(super) fn no_program(object: &Object, wanted: &str) -> Error {
    let programs = object.bundle.programs.iter();
    let names: Vec<&str> = programs.map(|program| program.name.as_str()).collect();
    let names = names.join(", ");
    Error::Usage(format!("there is no program `{wanted}`; there are {names}"))
}

type Shown<'o> = [(&'o ProgramDef, &'o ProgramDebug)];

fn text(object: &Object, shown: &Shown<'_>, bytes: bool) -> String {
    let bundle = &object.bundle;
    let mut out = String::new();
    for note in &object.notes {
        let _ = writeln!(out, "note: {note}");
    }
    if !bundle.license.is_empty() {
        let _ = writeln!(out, "license: {}", bundle.license);
    }
    for (number, map) in bundle.maps.iter().enumerate() {
        let _ = writeln!(out, "map {number}: {}", map_text(map));
    }
    for (number, name) in bundle.variables.iter().enumerate() {
        let _ = match name.strip_prefix(WEAK) {
            Some(name) => writeln!(out, "variable {number}: {name}, which may be missing"),
            None => writeln!(out, "variable {number}: {name}"),
        };
    }
    for (program, debug) in shown {
        if !out.is_empty() {
            out.push('\n');
        }
        program_text(program, debug, bytes, &mut out);
    }
    out
}

fn map_text(map: &MapDef) -> String {
    let types = Types::from_bytes(&map.types).unwrap_or_default();
    let part = |word: &str, size: u32, id: Option<u32>| match id {
        Some(id) if size == 0 => format!(", records {}", types.c_name(id)),
        Some(id) => format!(", {word} {} ({size} bytes)", types.c_name(id)),
        None if size == 0 => String::new(),
        None => format!(", {word} {size} bytes"),
    };
    let mut text = format!("{}, {}", map.name, map_kind_name(map.kind));
    text += &part("key", map.key_size, types.key);
    text += &part("value", map.value_size, types.value);
    let _ = write!(text, ", max_entries {}", map.max_entries);
    for flag in flags(map) {
        let _ = write!(text, ", {flag}");
    }
    text
}

/// The flags of a map, in words.
fn flags(map: &MapDef) -> Vec<&'static str> {
    let known = [
        (map_flags::READ_ONLY, "read-only for programs"),
        (map_flags::PRIVATE, "private"),
    ];
    let set = known.into_iter().filter(|(bit, _)| map.flags & bit != 0);
    set.map(|(_, name)| name).collect()
}

fn program_text(program: &ProgramDef, debug: &ProgramDebug, bytes: bool, out: &mut String) {
    let entries = listing(&program.code, &helper_name);
    let count = program.code.len() / uio_bpf::isa::Insn::LEN;
    let _ = write!(out, "program {}: {}", program.name, word(program.kind));
    if !program.target.is_empty() {
        let _ = write!(out, " of {}", program.target);
    }
    let _ = writeln!(out, ", {count} instructions");
    let mut before = None;
    for entry in &entries {
        if let Some(function) = debug.function(entry.at).filter(|f| f.start == entry.at) {
            let words = function.prototype.as_ref().unwrap_or(&function.name);
            let _ = writeln!(out, "{words}:");
        }
        if let Some(line) = debug.line(entry.at) {
            let place = (&line.file, line.line);
            if before != Some(place) {
                let _ = writeln!(out, "        ; {}", line_text(line));
                before = Some(place);
            }
        }
        let words = entry.named(debug.name(entry.at));
        let _ = match bytes {
            true => writeln!(out, "{:6}: {}  {words}", entry.at, bytes_text(entry)),
            false => writeln!(out, "{:6}: {words}", entry.at),
        };
    }
}

/// The bytes of an instruction; of a wide one only the first half, with a sign that there is more.
fn bytes_text(entry: &Entry) -> String {
    let bytes = entry.insn.to_bytes();
    let words: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let more = if entry.second.is_some() { '+' } else { ' ' };
    format!("{}{more}", words.join(" "))
}

/// A line of source in one line.
pub(super) fn line_text(line: &Line) -> String {
    format!("{}:{}: {}", line.file, line.line, line.text.trim())
}

fn document(object: &Object, shown: &Shown<'_>) -> Value {
    let bundle = &object.bundle;
    json!({
        "license": bundle.license,
        "notes": object.notes,
        "maps": bundle.maps.iter().map(map_json).collect::<Vec<_>>(),
        "variables": bundle.variables.iter().map(|name| json!({
            "name": name.trim_start_matches(WEAK),
            "weak": name.starts_with(WEAK),
        })).collect::<Vec<_>>(),
        "programs": shown
            .iter()
            .map(|(program, debug)| program_json(program, debug))
            .collect::<Vec<_>>(),
    })
}

fn map_json(map: &MapDef) -> Value {
    let types = Types::from_bytes(&map.types).unwrap_or_default();
    json!({
        "name": map.name,
        "kind": map_kind_name(map.kind),
        "key_size": map.key_size,
        "value_size": map.value_size,
        "max_entries": map.max_entries,
        "flags": map.flags,
        "read_only": map.flags & map_flags::READ_ONLY != 0,
        "private": map.flags & map_flags::PRIVATE != 0,
        "key_type": types.key.map(|id| types.c_name(id)),
        "value_type": types.value.map(|id| types.c_name(id)),
        "types": types,
    })
}

fn program_json(program: &ProgramDef, debug: &ProgramDebug) -> Value {
    let entries = listing(&program.code, &helper_name);
    json!({
        "name": program.name,
        "kind": word(program.kind),
        "target": program.target,
        "section": debug.section,
        "functions": debug.functions,
        "instructions": entries
            .iter()
            .map(|entry| insn_json(entry, debug))
            .collect::<Vec<_>>(),
    })
}

/// An instruction as JSON.
pub(super) fn insn_json(entry: &Entry, debug: &ProgramDebug) -> Value {
    let halves = [Some(entry.insn), entry.second];
    let bytes = halves
        .into_iter()
        .flatten()
        .flat_map(|insn| insn.to_bytes());
    let bytes: String = bytes.map(|byte| format!("{byte:02x}")).collect();
    let mut value = json!({
        "at": entry.at,
        "bytes": bytes,
        "text": entry.named(debug.name(entry.at)),
    });
    if let Some(target) = entry.target {
        value["target"] = target.into();
    }
    if let Some(name) = debug.name(entry.at) {
        value["name"] = name.into();
    }
    if let Some(line) = debug.line(entry.at) {
        value["source"] = line_json(line);
    }
    value
}

/// A line of source as JSON.
pub(super) fn line_json(line: &Line) -> Value {
    json!({
        "file": &*line.file,
        "line": line.line,
        "column": line.column,
        "text": line.text.trim(),
    })
}
