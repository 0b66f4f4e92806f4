//! `uio list`: the VMs that run.

use serde_json::{Value, json};

use super::{print, print_json};
use crate::entry::{Entry, Registry};
use crate::error::{Result, exit};
use crate::render::Format;
use crate::render::table::{Align, Column, Table};
use crate::render::time;

const COLUMNS: &[Column] = &[
    ("NAME", Align::Left),
    ("PID", Align::Right),
    ("VMM", Align::Left),
    ("ACCEL", Align::Left),
    ("ISOLATION", Align::Left),
    ("POLICY", Align::Left),
    ("STARTED", Align::Left),
    ("PORTS", Align::Left),
    ("IMAGE", Align::Left),
];

/// Prints the VMs that run.
///
/// # Errors
/// See [`Registry::list`].
pub fn run(format: Format) -> Result<u8> {
    let entries = Registry::open()?.list()?;
    match format {
        Format::Json => print_json(&Value::Array(entries.iter().map(json_of).collect()))?,
        Format::Text if entries.is_empty() => eprintln!("no VM runs"),
        Format::Text => print(&text_of(&entries))?,
    }
    Ok(exit::OK)
}

fn text_of(entries: &[Entry]) -> String {
    let mut table = Table::new(COLUMNS);
    for entry in entries {
        let ports: Vec<String> = entry
            .published
            .iter()
            .map(|port| format!("{}:{}", port.host, port.guest))
            .collect();
        table.push(vec![
            entry.name.clone(),
            entry.pid.to_string(),
            entry.vmm.clone(),
            entry.accel.clone(),
            entry.isolation.clone().unwrap_or_default(),
            entry.policy.clone().unwrap_or_default(),
            time::date(entry.started),
            ports.join(","),
            entry.image.display().to_string(),
        ]);
    }
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _ = table.write(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// An entry as `--output json` shows it.
#[must_use]
pub fn json_of(entry: &Entry) -> Value {
    json!({
        "name": entry.name,
        "pid": entry.pid,
        "broker_pid": entry.broker_pid,
        "vmm": entry.vmm,
        "accel": entry.accel,
        "isolation": entry.isolation,
        "policy": entry.policy,
        "socket": entry.socket.to_string_lossy(),
        "image": entry.image.to_string_lossy(),
        "symbols": entry.symbols.as_ref().map(|path| path.to_string_lossy()),
        "log": entry.log.to_string_lossy(),
        "started": time::rfc3339(entry.started),
        "published": entry.published,
        "share": entry.share,
    })
}
