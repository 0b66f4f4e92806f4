//! Programs that do what comes into their head: each ends, and the guest lives on.

use anyhow::{Result, ensure};

use super::super::report::Report;
use super::World;
use super::rows::Backend;
use super::run::{hello, path, script};

/// Jumps to somewhere in the image. Where programs run in ring 0, one could turn interrupts off for ever.
pub const JUMPS: u32 = 400;

/// Programs that call the interface with anything.
pub const CALLS: u32 = 200;

/// Runs all of them.
pub fn run(report: &mut Report, world: &World) {
    let rounds = [
        (
            Backend::Pku,
            "jumps",
            JUMPS,
            "jumps to anywhere in the image",
        ),
        (
            Backend::Pku,
            "calls",
            CALLS,
            "programs that call the interface with anything",
        ),
        (
            Backend::Pks,
            "calls",
            CALLS,
            "programs that call the interface with anything",
        ),
    ];
    for (backend, what, count, words) in rounds {
        let name = format!("{}: {count} {words}", backend.name());
        report.check(&name, || round(world, backend, what, count));
    }
}

fn round(world: &World, backend: Backend, what: &str, count: u32) -> Result<()> {
    let vm = world.server(&world.web, backend, &[])?;
    let fuzz = path("fuzz");
    let lines: String = (0..count)
        .map(|seed| format!("run --timeout 500ms {fuzz} {what} {seed}\n"))
        .collect();
    let output = script(world, &vm, "observe", &lines)?;
    let words = output.complaint();
    let begun = words
        .lines()
        .filter(|line| line.starts_with("seed "))
        .count();
    ensure!(
        begun == count as usize,
        "{begun} of {count} programs began; the last words are {}",
        words.lines().last().unwrap_or_default()
    );
    hello(&vm)?;
    let page = vm.get("/")?;
    ensure!(page.status == 200, "the server answers {}", page.head);
    vm.stop().map(|_| ())
}
