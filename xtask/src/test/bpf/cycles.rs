//! Attaching and detaching, over and over: no request is lost, and memory ends as it began.

use anyhow::{Result, ensure};

use super::super::report::Report;
use super::super::safety::memory;
use super::{REQUEST, Server};

/// How often, if nobody says otherwise.
pub const CYCLES: u32 = 200;

/// Cycles after which buffers and tables are what they will be.
const WARM: u32 = 20;

/// Bytes of the heap that may differ: connections that have just ended.
const HEAP_SLACK: u64 = 16 << 10;

/// Runs them.
pub fn run(report: &mut Report, server: &Server<'_>, cycles: u32) {
    let name = format!("{cycles} times loaded, attached, detached, unloaded under load");
    let mut before = None;
    server.under_load(report, &name, |server| {
        // One load throughout, because connections take memory too.
        round(server, WARM)?;
        before = Some(memory(&server.vm)?);
        round(server, cycles)
    });
    server.check(report, "memory comes back after that", |server| {
        let Some(before) = before else {
            anyhow::bail!("the cycles were not run");
        };
        let after = memory(&server.vm)?;
        ensure!(
            after.frames >= before.frames && after.heap_used <= before.heap_used + HEAP_SLACK,
            "before {before:?}, after {after:?}"
        );
        Ok(())
    });
}

/// So many cycles; every other one compiled.
fn round(server: &Server<'_>, cycles: u32) -> Result<()> {
    for cycle in 0..cycles {
        server.with("counter", cycle % 2 == 1, "count", || {
            server.bpf_ok(&["attach", "count", REQUEST])?;
            server.bpf_ok(&["detach", "count"])
        })?;
    }
    Ok(())
}
