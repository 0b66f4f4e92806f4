//! Programs that decide about requests: refuse, delay, let pass.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::super::report::Report;
use super::Server;

/// What `delay.bpf.c` makes every request wait.
const DELAY: Duration = Duration::from_millis(20);

/// How often one program takes the other's place.
const SWAPS: usize = 10;

/// Runs all of them.
pub fn run(report: &mut Report, server: &Server<'_>) {
    for jit in [false, true] {
        let by = if jit { ", compiled" } else { "" };
        let name = format!("a program refuses, another delays, each in the other's place{by}");
        server.under_load(report, &name, |server| swaps(server, jit));
    }
}

fn swaps(server: &Server<'_>, jit: bool) -> Result<()> {
    server.with("refuse", jit, "refuse", || {
        server.with("delay", jit, "delay", || {
            answered(server, 404)?;
            server.bpf_ok(&["attach", "refuse", "request"])?;
            for _ in 0..SWAPS {
                answered(server, 403)?;
                server.bpf_ok(&["swap", "refuse", "delay"])?;
                let took = answered(server, 404)?;
                ensure!(took >= DELAY, "an answer took only {took:?}");
                server.bpf_ok(&["swap", "delay", "refuse"])?;
            }
            answered(server, 403)?;
            server.bpf_ok(&["detach", "refuse"])?;
            answered(server, 404).map(|_| ())
        })
    })
}

/// Asks for what is refused, and gives how long the answer took.
fn answered(server: &Server<'_>, status: u16) -> Result<Duration> {
    let begun = Instant::now();
    let answer = server.vm.get("/private")?;
    ensure!(
        answer.status == status,
        "{status} was to come: {}",
        answer.head
    );
    Ok(begun.elapsed())
}
