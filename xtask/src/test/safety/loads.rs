//! Loading, running and unloading, over and over: memory ends as it began.

use anyhow::{Result, bail, ensure};

use super::super::report::Report;
use super::World;
use super::rows::Backend;
use super::run::{Memory, hello, memory, path, script};
use crate::vm::Vm;

/// How often, if nobody says otherwise.
pub const LOADS: u32 = 3_000;

/// In so many runs, one crashes.
pub const ONE_CRASHES: u32 = 100;

/// Loads that one shell asks for.
const AT_ONCE: u32 = 2_000;

/// Runs it.
pub fn run(report: &mut Report, world: &World, loads: u32) {
    let crashes = loads / ONE_CRASHES;
    let name = format!("{loads} loads and unloads, {crashes} of them crashing");
    report.check(&name, || {
        let vm = world.server(&world.web, Backend::Pku, &[])?;
        hello(&vm)?;
        vm.ok(&["unload", &path("hello")])?;
        let before = warm(world, &vm)?;
        let mut left = loads;
        while left > 0 {
            let now = left.min(AT_ONCE);
            let after = round(world, &vm, now)?;
            ensure!(
                after == before,
                "with {left} loads to go: before {before:?}, after {after:?}"
            );
            left -= now;
        }
        vm.stop().map(|_| ())
    });
}

/// Loads and unloads until that changes nothing, as buffers and page tables are made when they are first
/// needed.
fn warm(world: &World, vm: &Vm<'_>) -> Result<Memory> {
    let mut last = round(world, vm, ONE_CRASHES)?;
    let mut same = 0;
    for _ in 0..20 {
        let now = round(world, vm, ONE_CRASHES)?;
        same = if now == last { same + 1 } else { 0 };
        if same == 3 {
            return Ok(now);
        }
        last = now;
    }
    bail!("memory never comes to rest: {last:?}")
}

/// Loads, runs and unloads so many times, in one shell. Gives the memory afterwards.
fn round(world: &World, vm: &Vm<'_>, loads: u32) -> Result<Memory> {
    let (hello, null) = (path("hello"), path("null"));
    let mut lines = String::new();
    for number in 1..=loads {
        lines += &match number % ONE_CRASHES {
            0 => format!("run {null} read\nunload {null}\n"),
            _ => format!("run {hello}\nunload {hello}\n"),
        };
    }
    let output = script(world, vm, "observe", &lines)?;
    let crashes = (loads / ONE_CRASHES) as usize;
    let said = output
        .text()
        .lines()
        .filter(|line| *line == "hello")
        .count();
    let words = output.complaint();
    let faults = words
        .lines()
        .filter(|line| line.contains("ended by a fault: page fault"))
        .count();
    ensure!(
        (said, faults) == (loads as usize - crashes, crashes),
        "of {loads} runs, {said} said hello and {faults} crashed: {}",
        words.lines().take(5).collect::<Vec<_>>().join("; ")
    );
    memory(vm)
}
