//! The matrix with one isolation: all rows under load, then all of them at rest, where memory is counted.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::super::report::Report;
use super::World;
use super::beside;
use super::ending::Ending;
use super::rows::{Backend, GROUPS, Group, Row};
use super::run::{self, Memory, hello, memory, unload};
use crate::build::Image;
use crate::load::Load;
use crate::process::eventually;
use crate::vm::Vm;

/// Connections on which the load generator asks.
const CONNECTIONS: u32 = 4;

/// More seconds than a matrix takes.
const LONG: u32 = 600;

/// Time limit of programs that are to end by themselves.
const LIMIT: &str = "5s";

/// Time limit of programs that are to end by it.
const SHORT: &str = "200ms";

/// How many times in a row memory has to be the same, every quarter of a second, to be at rest.
const AT_REST: u32 = 4;

/// Bytes of heap that the kernel's own lists may grow by, whose nodes hold several entries.
const PAGE: u64 = 4096;

/// Longer than the overlay keeps tasks that have nothing to do.
const PARKED: Duration = Duration::from_secs(15);

/// Lines of the log that are shown of a guest that is gone.
const LAST_LINES: usize = 40;

/// Groups for two processors.
pub const ON_TWO: [&str; 4] = ["Null", "Out of bounds", "Endless", "Floating point"];

/// A guest, and what is tried in it.
struct Matrix<'w> {
    world: &'w World,
    vm: Vm<'w>,
    backend: Backend,
    /// What to call it.
    name: String,
    groups: Vec<&'static Group>,
}

/// Runs all rows with an isolation.
pub fn run(report: &mut Report, world: &World, backend: Backend) {
    let name = backend.name().to_owned();
    let start = format!("{name}: the web server starts");
    let Some(vm) = report.check(&start, || start_with(world, &world.web, backend, &[])) else {
        return;
    };
    let groups = GROUPS.iter().collect();
    let matrix = Matrix {
        world,
        vm,
        backend,
        name,
        groups,
    };
    matrix.run(report);
}

/// Runs the rows that matter on two processors.
pub fn short(report: &mut Report, world: &World, image: &Image) {
    let backend = Backend::Pku;
    let name = format!("{} on two processors", backend.name());
    let start = format!("{name}: the web server starts");
    let start = report.check(&start, || {
        start_with(world, image, backend, &["--smp", "2"])
    });
    let Some(vm) = start else {
        return;
    };
    let on_two = |group: &&Group| ON_TWO.contains(&group.title);
    let matrix = Matrix {
        world,
        vm,
        backend,
        name,
        groups: GROUPS.iter().filter(on_two).collect(),
    };
    matrix.run(report);
}

/// Starts the server, and asks how it isolates programs.
fn start_with<'w>(
    world: &'w World,
    image: &Image,
    backend: Backend,
    more: &[&str],
) -> Result<Vm<'w>> {
    let vm = world.server(image, backend, more)?;
    let version = vm.json(&["version"])?;
    ensure!(
        version["isolation"] == backend.name(),
        "the overlay says {version}"
    );
    Ok(vm)
}

impl Matrix<'_> {
    /// Runs everything, and ends the server.
    fn run(self, report: &mut Report) {
        let load = format!("{}: wrk asks for a page over and over", self.name);
        let Some(load) = report.check(&load, || self.load()) else {
            return;
        };
        for group in &self.groups {
            self.check(report, group, "under load", |row| self.under_load(row));
        }
        beside::run(report, self.world, &self.vm, self.backend, &self.name);
        report.check(&format!("{}: no request failed", self.name), || {
            let load = load.finish()?;
            ensure!(
                load.failed == 0,
                "{} of {} requests failed; {}",
                load.failed,
                load.requests,
                last_words(&self.vm)
            );
            ensure!(
                load.requests > 100,
                "only {} requests were answered",
                load.requests
            );
            Ok(())
        });
        let rest = format!("{}: memory comes to rest", self.name);
        if let Some(before) = report.check(&rest, || settled(&self.vm)) {
            for group in &self.groups {
                self.check(report, group, "memory comes back", |row| self.at_rest(row));
            }
            let same = format!("{}: after all of them memory is what it was", self.name);
            report.check(&same, || {
                let after = settled(&self.vm)?;
                ensure!(
                    after.frames == before.frames && after.heap_used < before.heap_used + PAGE,
                    "before {before:?}, after {after:?}"
                );
                Ok(())
            });
        }
        let end = format!("{}: the server ends on request", self.name);
        report.check(&end, || self.vm.stop().map(|_| ()));
    }

    fn load(&self) -> Result<Load> {
        Load::start(self.vm.port()?, "/", CONNECTIONS, LONG)
    }

    /// Tries each row of a group; all that fail are told of.
    fn check(
        &self,
        report: &mut Report,
        group: &Group,
        how: &str,
        test: impl Fn(&Row) -> Result<()>,
    ) {
        let rows: Vec<_> = group
            .rows
            .iter()
            .filter(|row| row.ending(self.backend) != Ending::NotRun)
            .collect();
        let name = format!("{}: {}, {} rows, {how}", self.name, group.title, rows.len());
        report.check(&name, || {
            let failures: Vec<String> = rows
                .into_iter()
                .filter_map(|row| {
                    test(row)
                        .err()
                        .map(|error| format!("`{}`: {error:#}", row.run))
                })
                .collect();
            told(&failures).with_context(|| last_words(&self.vm))
        });
    }

    /// A row ends as it has to, and the next program runs.
    fn under_load(&self, row: &Row) -> Result<()> {
        self.ends(row)?;
        hello(&self.vm)?;
        let page = self.vm.get("/")?;
        ensure!(page.status == 200, "the server answers {}", page.head);
        Ok(())
    }

    /// A row gives back what it takes. Somebody who was needed for a moment may hold some for as long as
    /// the overlay keeps him.
    fn at_rest(&self, row: &Row) -> Result<()> {
        let before = self.around(row)?;
        self.around(row)?;
        eventually(PARKED, || {
            let after = memory(&self.vm)?;
            ensure!(
                (after.frames, after.programs) == (before.frames, before.programs)
                    && after.heap_used <= before.heap_used,
                "memory before {before:?}, after {after:?}"
            );
            Ok(())
        })
    }

    fn around(&self, row: &Row) -> Result<Memory> {
        self.ends(row)?;
        match row.ending(self.backend) {
            Ending::Refused(_) => memory(&self.vm),
            _ => unload(&self.vm, row.program()),
        }
    }

    fn ends(&self, row: &Row) -> Result<()> {
        let ending = row.ending(self.backend);
        let limit = match ending {
            Ending::TimeLimit => SHORT,
            _ => LIMIT,
        };
        ending.check(&run::run(&self.vm, row.policy, limit, row.run)?)
    }
}

/// Fails if there are failures; tells of the first.
pub fn told(failures: &[String]) -> Result<()> {
    let first = failures.get(..3).unwrap_or(failures).join("; ");
    ensure!(failures.is_empty(), "{} failed: {first}", failures.len());
    Ok(())
}

/// Memory without any program, once the server has put away what it had for connections.
fn settled(vm: &Vm<'_>) -> Result<Memory> {
    let programs = vm.json(&["programs"])?;
    for program in programs.as_array().context("`programs` gives no list")? {
        let path = program["path"].as_str().context("a program has no path")?;
        vm.ok(&["unload", path])?;
    }
    // Whoever tells what memory there is has a stack for programs then.
    let tell = || -> Result<Memory> {
        hello(vm)?;
        unload(vm, "hello")
    };
    let mut last = tell()?;
    let mut same = 0;
    for _ in 0..80 {
        thread::sleep(Duration::from_millis(250));
        let now = tell()?;
        same = if now == last { same + 1 } else { 0 };
        if same >= AT_REST && workers(vm)? == 1 {
            return Ok(now);
        }
        last = now;
    }
    bail!("the guest's memory does not come to rest: {last:?}")
}

/// How many tasks of the overlay there are that run commands, with the one that tells.
fn workers(vm: &Vm<'_>) -> Result<usize> {
    let tasks = vm.json(&["ps"])?;
    let tasks = tasks.as_array().context("`ps` gives no list")?;
    let is_worker = |task: &&Value| task["name"] == "uio-worker";
    Ok(tasks.iter().filter(is_worker).count())
}

/// What a guest that is gone said last, or that it is there.
fn last_words(vm: &Vm<'_>) -> String {
    if vm.json(&["version"]).is_ok() {
        return "the guest answers".into();
    }
    let log = vm.log();
    let lines: Vec<&str> = log.lines().rev().take(LAST_LINES).collect();
    let lines: Vec<&str> = lines.into_iter().rev().collect();
    format!(
        "the guest does not answer, and said last: {}",
        lines.join(" / ")
    )
}
