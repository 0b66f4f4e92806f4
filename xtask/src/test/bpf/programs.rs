//! Programs that observe, with what they leave in their maps, and programs on request.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::super::report::Report;
use super::{REQUEST, Server};

/// Programs at a function or an interval: object, program, target, and the map that fills.
const OBSERVERS: &[(&str, &str, &[&str], &str)] = &[
    ("counter", "count_by_core", &[REQUEST], "calls_by_core"),
    ("latency", "latency", &[REQUEST], "histogram"),
    ("hash", "by_task", &[REQUEST], "calls_by_task"),
    ("hash", "by_argument", &[REQUEST], "calls_by_argument"),
    ("stacks", "from_where", &[REQUEST], "calls_by_stack"),
    ("timer", "sample", &[], "samples"),
];

/// Programs on request: object, program, buffer, and what they return.
const REQUESTS: &[(&str, &str, &str, u64)] = &[
    ("sum", "sum", "010203", 6),
    ("tailcall", "start", "010607", 42),
    ("tailcall", "start", "000607", 13),
];

/// Requests that are counted.
const ASKED: usize = 9;

/// Runs all of them.
pub fn run(report: &mut Report, server: &Server<'_>) {
    for jit in [false, true] {
        let by = if jit { ", compiled" } else { "" };
        let name = format!("a map counts requests exactly{by}");
        server.check(report, &name, |server| exact(server, jit));
        for (object, program, target, map) in OBSERVERS {
            let name = format!("{object}.bpf.c, {program}{by}");
            server.under_load(report, &name, |server| {
                server.with(object, jit, program, || {
                    let mut attach = vec!["attach", program];
                    attach.extend(*target);
                    server.bpf_ok(&attach)?;
                    server.ask("/", ASKED)?;
                    let dump = server.bpf(&["map", "dump", map])?;
                    server.bpf_ok(&["detach", program])?;
                    let counted = counted(&dump);
                    ensure!(counted > 0, "nothing is in `{map}`: {dump}");
                    Ok(())
                })
            });
        }
        for &(object, program, buffer, returns) in REQUESTS {
            let name = format!("{object}.bpf.c with {buffer}{by}");
            server.under_load(report, &name, |server| {
                server.with(object, jit, program, || {
                    let run = server.bpf(&["run", program, "--mem", buffer])?;
                    ensure!(run["returned"] == returns, "{run}");
                    Ok(())
                })
            });
        }
    }
}

/// The sum of all values of a map, those of each core included.
fn counted(dump: &Value) -> u64 {
    let entries = dump.as_array().map(Vec::as_slice).unwrap_or_default();
    let values = entries.iter().map(|entry| &entry["value"]);
    let sum = |value: &Value| match value {
        Value::Array(cores) => cores.iter().filter_map(Value::as_u64).sum(),
        value => value.as_u64().unwrap_or_default(),
    };
    values.map(sum).sum()
}

/// Without load, there are as many calls as requests.
fn exact(server: &Server<'_>, jit: bool) -> Result<()> {
    server.with("counter", jit, "count", || {
        server.bpf_ok(&["attach", "count", REQUEST])?;
        server.ask("/", ASKED)?;
        let found = server.bpf(&["map", "get", "calls", "0"])?;
        let value = found["value"].as_u64();
        let value = value.with_context(|| format!("no number: {found}"))?;
        ensure!(value == ASKED as u64, "{ASKED} requests were {value}");
        server.bpf_ok(&["detach", "count"])
    })
}
