//! Programs that do what they must not: each ends its own run, and says why.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::super::report::Report;
use super::Server;

/// Instructions that a run may take.
const BUDGET: &str = "2000000";

/// How a run ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// It returns that.
    Returns(u64),
    /// It is stopped, with these words.
    Stops(&'static str),
}
use End::{Returns, Stops};

/// Programs of `unsafe.bpf.c` under the interpreter.
const CHECKED: &[(&str, End)] = &[
    ("null_read", Stops("read 8 bytes at 0x8; that is near 0")),
    ("null_write", Stops("write 8 bytes at 0x0; that is near 0")),
    ("wild_read", Stops("read 8 bytes at 0x700000000000")),
    ("wild_write", Stops("write 8 bytes at 0x700000000000")),
    ("no_address", Stops("read 8 bytes at 0x8000000000000000")),
    ("past_buffer", Stops("tried to read 8 bytes")),
    ("before_buffer", Stops("tried to read 8 bytes")),
    ("past_value", Stops("tried to read 8 bytes")),
    ("past_stack", Stops("tried to read 8 bytes")),
    ("unchecked", Stops("read 8 bytes at 0x0; that is near 0")),
    ("write_constant", Stops("tried to write 8 bytes")),
    ("odd_atomic", Stops("no multiple of its size")),
    ("forever", Stops("all instructions that it may")),
    ("long_loop", Stops("all instructions that it may")),
    ("loops", Stops("deeper than 8")),
    ("divide", Returns(7)),
    ("no_map", Stops("argument 1 of map_lookup_elem")),
    ("no_key", Stops("argument 2 of map_lookup_elem")),
    ("no_room", Stops("argument 1 of probe_read")),
    ("careful", Returns(1)),
    ("no_record", Stops("argument 1 of ringbuf_submit")),
    ("no_function", Stops("argument 2 of loop")),
];

/// Those that compiled code ends, whose accesses nobody checks before the processor does.
const COMPILED: &[(&str, End)] = &[
    ("null_read", Stops("a page fault at 0x8")),
    ("null_write", Stops("a page fault at 0x0")),
    ("wild_read", Stops("a page fault at 0x700000000000")),
    ("wild_write", Stops("a page fault at 0x700000000000")),
    ("no_address", Stops("a general protection fault")),
    ("unchecked", Stops("a page fault at 0x0")),
    ("forever", Stops("all instructions that it may")),
    ("loops", Stops("deeper than 8")),
    ("divide", Returns(7)),
    ("careful", Returns(1)),
];

/// Runs all of them.
pub fn run(report: &mut Report, server: &Server<'_>) {
    server.under_load(report, "recursion is refused when it is loaded", recursion);
    for (jit, by, rows) in [(false, "", CHECKED), (true, ", compiled", COMPILED)] {
        for (program, end) in rows {
            let name = format!("unsafe.bpf.c, {program}{by}");
            server.under_load(report, &name, |server| {
                server.with("unsafe", jit, program, || ends(server, program, *end))
            });
        }
    }
}

/// A function that calls itself.
fn recursion(server: &Server<'_>) -> Result<()> {
    let output = server.bpf_any(&["load", &server.object("recursion")])?;
    let words = output.complaint();
    ensure!(
        output.status != 0 && words.contains("recursion") && words.contains("refused"),
        "status {}: {words}",
        output.status
    );
    Ok(())
}

/// Runs a program and compares its end.
fn ends(server: &Server<'_>, program: &str, end: End) -> Result<()> {
    let run = [
        "run",
        program,
        "--mem",
        "0102030405060708",
        "--budget",
        BUDGET,
    ];
    let output = server.bpf_any(&run)?;
    let text = output.text();
    let said: Value = serde_json::from_str(&text)
        .with_context(|| format!("it printed {text}{}", output.complaint()))?;
    let held = match end {
        Returns(value) => output.status == 0 && said["returned"] == value,
        Stops(words) => {
            let why = said["stopped"]["why"].as_str().unwrap_or_default();
            output.status == 1 && why.contains(words)
        }
    };
    ensure!(
        held,
        "{end:?} was to come: status {}, {said}",
        output.status
    );
    Ok(())
}
