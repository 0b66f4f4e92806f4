//! `uio trace` and `uio perf`.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::super::report::Report;
use super::{NAME, REQUEST, Server};
use crate::process::{Running, run as finish};
use crate::uio::LIMIT;

/// Requests that are counted.
const ASKED: usize = 7;

/// The function below all requests.
const MAIN_LOOP: &str = "web::server::Server>::run";

/// How soon a server that is traced has to answer.
const SOON: Duration = Duration::from_secs(10);

/// Runs all of them.
pub fn run(report: &mut Report, server: &Server<'_>) {
    for jit in [false, true] {
        let by = if jit { ", compiled" } else { "" };
        let name = format!("calls are counted exactly{by}");
        server.check(report, &name, |server| exact(server, jit));
        for show in ["counts", "latency", "stacks"] {
            let name = format!("trace --show {show} of requests{by}");
            server.under_load(report, &name, |server| requests(server, show, jit));
        }
        let name = format!("trace --show returns of requests{by}");
        server.under_load(report, &name, |server| returns(server, jit));
        for show in ["counts", "latency"] {
            let name = format!("trace --show {show} of every function{by}");
            server.under_load(report, &name, |server| everything(server, show, jit));
        }
    }
    server.under_load(report, "perf record", perf);
}

/// The command that traces for so many seconds.
fn command(server: &Server<'_>, pattern: &str, show: &str, seconds: &str, jit: bool) -> Command {
    let mut args = vec!["--output", "json", "trace", "--vm", NAME, pattern];
    args.extend(["--show", show, "--duration", seconds]);
    args.extend(jit.then_some("--jit"));
    server.vm.uio().command(&args)
}

/// What it prints at its end.
fn sums(mut command: Command) -> Result<Vec<Value>> {
    let output = finish(&mut command, LIMIT)?.success()?;
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("`{}` printed {}", output.line, output.text()))
}

/// Without load, there are as many calls as requests.
fn exact(server: &Server<'_>, jit: bool) -> Result<()> {
    let mut command = command(server, REQUEST, "counts", "4", jit);
    let trace = Running::start(&mut command)?;
    // It is on when there is a link.
    let until = Instant::now() + Duration::from_secs(3);
    while server.bpf(&["links"])?.as_array().is_none_or(Vec::is_empty) {
        ensure!(Instant::now() < until, "nothing is attached");
        thread::sleep(Duration::from_millis(50));
    }
    server.ask("/", ASKED)?;
    let output = trace.finish(LIMIT, "uio trace".into())?.success()?;
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout)?;
    let calls: Vec<_> = rows.iter().map(|row| row["calls"].as_u64()).collect();
    ensure!(
        calls == [Some(ASKED as u64)],
        "{ASKED} requests were {rows:?}"
    );
    Ok(())
}

/// What is shown of one function.
fn requests(server: &Server<'_>, show: &str, jit: bool) -> Result<()> {
    let rows = sums(command(server, REQUEST, show, "2", jit))?;
    let [row] = &rows[..] else {
        anyhow::bail!("not one row: {rows:?}");
    };
    match show {
        "stacks" => {
            let stack = row["stack"].as_array().context("no stack")?;
            let inner = stack.last().and_then(Value::as_str).unwrap_or_default();
            ensure!(inner.ends_with("Conn>::request"), "innermost is {inner}");
            let has = |function: &Value| function.as_str().is_some_and(|f| f.contains(MAIN_LOOP));
            ensure!(stack.iter().any(has), "no main loop: {stack:?}");
        }
        "latency" => {
            let (half, most) = (row["p50_ns"].as_u64(), row["p99_ns"].as_u64());
            ensure!(half > Some(0) && most >= half, "{row}");
            let steps = row["steps"].as_array().context("no steps")?;
            let total: u64 = steps.iter().filter_map(|step| step["calls"].as_u64()).sum();
            ensure!(Some(total) == row["calls"].as_u64(), "{row}");
        }
        _ => ensure!(row["calls"].as_u64() > Some(0), "{row}"),
    }
    Ok(())
}

/// Each call, when it ends.
fn returns(server: &Server<'_>, jit: bool) -> Result<()> {
    let mut command = command(server, REQUEST, "returns", "1", jit);
    let output = finish(&mut command, LIMIT)?.success()?;
    let mut calls = 0;
    for line in output.text().lines() {
        let value: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        if value["type"] == "call" {
            let function = value["function"].as_str().unwrap_or_default();
            ensure!(
                function.ends_with("Conn>::request") && value["duration_ns"].as_u64() > Some(0),
                "{value}"
            );
            calls += 1;
        }
    }
    ensure!(calls > 0, "no call was told");
    Ok(())
}

/// All functions at once; the server still answers meanwhile.
fn everything(server: &Server<'_>, show: &str, jit: bool) -> Result<()> {
    let mut command = command(server, "*", show, "2", jit);
    let mut trace = Running::start(&mut command)?;
    thread::sleep(Duration::from_secs(1));
    while trace.is_running() {
        let begun = Instant::now();
        server.ask("/", 1)?;
        let took = begun.elapsed();
        ensure!(took < SOON, "an answer took {took:?}");
    }
    let output = trace.finish(LIMIT, "uio trace".into())?.success()?;
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout)?;
    ensure!(rows.len() > 100, "only {} functions are called", rows.len());
    Ok(())
}

/// Where the time goes.
fn perf(server: &Server<'_>) -> Result<()> {
    let uio = server.vm.uio();
    let rows = uio.json(&["perf", "record", NAME, "--duration", "2"])?;
    let rows = rows.as_array().context("no rows")?;
    let samples: u64 = rows.iter().filter_map(|row| row["count"].as_u64()).sum();
    ensure!(samples > 50, "only {samples} samples in 2 s");
    Ok(())
}
