//! Programs that do what comes into their head: each ends, and the guest lives on.

use std::fs::File;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::super::report::Report;
use super::World;
use super::rows::Backend;
use super::run::{hello, path};
use crate::process::run_on;

/// Jumps to somewhere in the image. Where programs run in ring 0, one could turn interrupts off for ever.
pub const JUMPS: u32 = 400;

/// Programs that call the interface with anything.
pub const CALLS: u32 = 200;

/// How long all of them may take.
const LIMIT: Duration = Duration::from_secs(300);

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
    let script: String = (0..count)
        .map(|seed| format!("run --timeout 500ms {fuzz} {what} {seed}\n"))
        .collect();
    let file = world.share.join("wild.script");
    std::fs::write(&file, script).with_context(|| file.display().to_string())?;
    let input = Stdio::from(File::open(&file)?);
    let shell = ["shell", "--policy", "observe", &vm.name];
    let output = run_on(&mut world.uio.command(&shell), input, LIMIT)?;
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
