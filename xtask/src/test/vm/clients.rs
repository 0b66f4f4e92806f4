//! Clients that do not read, that vanish, and that come together.

use std::io::Write;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use uio_console::{RequestId, Terms, ToGuest};

use super::super::report::Report;
use super::frames::connect;
use super::wire::{frame, hello};
use super::{Server, serves};
use crate::process::{Running, eventually};

/// Bytes of the file that is read all the time.
const LARGE: usize = 3 << 20;

/// Runs all of them.
pub fn run(report: &mut Report, server: &Server<'_>) {
    server.check(
        report,
        "a client that never reads holds nobody up",
        never_reads,
    );
    server.check(report, "a client may vanish at any byte", vanishes);
    server.check(report, "a killed client's request ends", killed);
    server.check(
        report,
        "two clients at once get their own answers",
        two_at_once,
    );
}

fn request(id: u32, argv: &[u8]) -> Result<Vec<u8>> {
    frame(&ToGuest::Exec {
        id: RequestId(id),
        credit: u32::MAX,
        terms: Terms::default(),
        argv,
    })
}

fn never_reads(server: &Server<'_>) -> Result<()> {
    std::fs::write(server.share.join("large"), vec![b'x'; LARGE])?;
    let mut silent = connect(&server.vm)?;
    silent.write_all(&hello()?)?;
    for id in 1..4 {
        silent.write_all(&request(id, b"cat\0/uio/large\0")?)?;
    }
    for _ in 0..10 {
        serves(&server.vm)?;
    }
    drop(silent);
    no_jobs(server)
}

fn vanishes(server: &Server<'_>) -> Result<()> {
    let mut bytes = hello()?;
    bytes.extend(request(1, b"cat\0")?);
    for cut in 0..=bytes.len() {
        let mut stream = connect(&server.vm)?;
        stream.write_all(bytes.get(..cut).unwrap_or_default())?;
    }
    // Each of those `cat`s waits for input, until it is interrupted.
    no_jobs(server)
}

fn killed(server: &Server<'_>) -> Result<()> {
    let args = server.vm.exec_args(&["log", "-f"]);
    let mut follower = Running::start(&mut server.vm.uio().command(&args))?;
    eventually(Duration::from_secs(20), || {
        let jobs = server.vm.ok(&["jobs"])?;
        ensure!(jobs.contains("log"), "no `log -f` among the jobs: {jobs}");
        Ok(())
    })?;
    ensure!(
        follower.is_running(),
        "`uio exec -- log -f` ended by itself"
    );
    follower.signal(rustix::process::Signal::KILL);
    let output = follower.finish(Duration::from_secs(20), "uio exec -- log -f".into())?;
    ensure!(output.status == 137, "ended with status {}", output.status);
    no_jobs(server)
}

/// Waits until only the request that asks is left.
pub fn no_jobs(server: &Server<'_>) -> Result<()> {
    eventually(Duration::from_secs(60), || {
        let jobs = server.vm.json(&["jobs"])?;
        let count = jobs.as_array().map(Vec::len);
        ensure!(count == Some(1), "requests are still open: {jobs}");
        Ok(())
    })
}

fn two_at_once(server: &Server<'_>) -> Result<()> {
    thread::scope(|scope| {
        let workers: Vec<_> = (0..2u8)
            .map(|number| {
                scope.spawn(move || -> Result<()> {
                    let name = format!("bytes-{number}");
                    let bytes = vec![b'a' + number; 400_000];
                    std::fs::write(server.share.join(&name), &bytes)?;
                    for _ in 0..5 {
                        let path = format!("/uio/{name}");
                        let output = server.vm.exec(&["cat", &path])?.success()?;
                        ensure!(output.stdout == bytes, "bytes of another client came");
                    }
                    Ok(())
                })
            })
            .collect();
        for worker in workers {
            worker
                .join()
                .map_err(|_| anyhow!("a client's thread panicked"))?
                .context("one of two clients")?;
        }
        Ok(())
    })
}
