//! Programs that run beside each other.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::super::report::Report;
use super::World;
use super::ending::{Ending, Why};
use super::rows::Backend;
use super::run::{self, Ran, hello, path, script};
use crate::process::{Running, wait};
use crate::vm::Vm;

/// How long a program may take to end when its input does.
const LIMIT: Duration = Duration::from_secs(20);

/// Programs that leave a mess.
const MESSES: usize = 80;

/// How a program ends that writes another's memory.
pub fn ending(backend: Backend) -> Ending {
    match backend {
        Backend::None => Ending::Open,
        Backend::Pku | Backend::Pks => Ending::PageFault(Why::Key),
    }
}

/// How a program ends that looks for what others left in the registers.
fn clean(backend: Backend) -> Ending {
    match backend {
        Backend::None => Ending::Leftovers,
        Backend::Pku | Backend::Pks => Ending::Fine,
    }
}

/// Runs all of them.
pub fn run(report: &mut Report, world: &World, vm: &Vm<'_>, backend: Backend, name: &str) {
    report.check(
        &format!("{name}: a program writes another's memory"),
        || other(vm, backend),
    );
    report.check(&format!("{name}: floating point of two programs"), || {
        floating(vm, backend)
    });
    if backend != Backend::None {
        report.check(
            &format!("{name}: {MESSES} programs leave a mess in every register, none finds it"),
            || messes(world, vm),
        );
    }
}

/// Programs with a mess and others that look, one after the other, while the server computes between
/// them.
fn messes(world: &World, vm: &Vm<'_>) -> Result<()> {
    let float = path("float");
    let lines = format!(
        "run {float} mess\nrun {float} clean\nrun {float} mess-and-fault\nrun {float} clean\n"
    );
    let output = script(world, vm, "observe", &lines.repeat(MESSES / 2))?;
    let words = output.complaint();
    let faults = words
        .lines()
        .filter(|line| line.contains("invalid opcode"))
        .count();
    let found = words
        .lines()
        .find(|line| line.starts_with("byte ") || line.starts_with("MXCSR "));
    ensure!(found.is_none(), "one found {}", found.unwrap_or_default());
    ensure!(
        faults == MESSES / 2,
        "{faults} programs ended by their fault"
    );
    Ok(())
}

/// One program writes another's memory while that waits.
fn other(vm: &Vm<'_>, backend: Backend) -> Result<()> {
    let victim = path("victim");
    let mut command = vm.uio().command(&["exec", &vm.name, "--", "run", &victim]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("start `uio exec`")?;
    let result = child
        .stdout
        .take()
        .context("no pipe")
        .and_then(|output| attack(vm, backend, BufReader::new(output)));
    // The end of its input tells the program to look at its memory.
    drop(child.stdin.take());
    let status = wait(&mut child, LIMIT);
    if status.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    result?;
    let status = status.context("the program that was written to does not end")?;
    ensure!(status.success(), "somebody wrote to it: {status}");
    hello(vm)
}

/// Writes where the program says that its memory is.
fn attack(vm: &Vm<'_>, backend: Backend, mut output: impl BufRead) -> Result<()> {
    let mut line = String::new();
    output.read_line(&mut line)?;
    let attack = format!("bounds other {}", line.trim());
    ending(backend).check(&run::run(vm, "full", "5s", &attack)?)
}

/// Programs compute while another makes a mess of every register.
fn floating(vm: &Vm<'_>, backend: Backend) -> Result<()> {
    let mess = Running::start(&mut run::command(vm, "full", "2s", "float mess-and-stay"))?;
    let computed = thread::scope(|scope| {
        let programs =
            [0, 1].map(|_| scope.spawn(|| run::run(vm, "full", "60s", "float sums 100")));
        programs.map(|program| program.join())
    });
    for ran in computed {
        let ran = ran.map_err(|_| anyhow::anyhow!("a client's thread panicked"))??;
        Ending::Fine.check(&ran)?;
    }
    let output = mess.finish(LIMIT, "uio exec -- run".into())?;
    Ending::TimeLimit.check(&Ran::new(&output))?;
    clean(backend).check(&run::run(vm, "full", "5s", "float clean")?)
}
