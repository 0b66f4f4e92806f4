//! Programs that misbehave: each ends, is reported, and leaves the server as it was.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::super::report::Report;
use super::Server;
use super::clients::no_jobs;
use super::objects::compile;
use crate::process::{Output, Running, eventually};

/// A program, and how it ends.
struct Fault {
    name: &'static str,
    body: &'static str,
    status: i32,
    words: &'static str,
}

const FAULTS: [Fault; 5] = [
    Fault {
        name: "null",
        body: "return *(volatile int *)0;",
        status: 128 + 14,
        words: "page fault",
    },
    Fault {
        name: "wild",
        body: "*(volatile int *)0x123456789000 = 1; return 0;",
        status: 128 + 14,
        words: "page fault",
    },
    Fault {
        name: "divide",
        body: "volatile int seven = 7, zero = 0; return seven / zero;",
        status: 128,
        words: "divide error",
    },
    Fault {
        name: "opcode",
        body: "__asm__ volatile(\"ud2\"); return 0;",
        status: 128 + 6,
        words: "invalid opcode",
    },
    Fault {
        name: "protection",
        body: "*(volatile int *)0x8000000000000000 = 1; return 0;",
        status: 128 + 13,
        words: "general protection",
    },
];

/// Runs all of them.
pub fn run(report: &mut Report, server: &Server<'_>) {
    server.check(report, "a program's status is the command's", |server| {
        program(server, "status", "uio_printf(\"out\\n\"); return 42;")?;
        let output = server.vm.exec(&["run", "/uio/status.o"])?;
        ensure!(
            (output.status, output.text().as_str()) == (42, "out\n"),
            "status {}, output {}",
            output.status,
            output.text()
        );
        Ok(())
    });
    for fault in FAULTS {
        server.check(
            report,
            &format!("a program's fault is reported: {}", fault.words),
            |server| {
                program(server, fault.name, fault.body)?;
                for _ in 0..3 {
                    let output = server
                        .vm
                        .exec(&["run", &format!("/uio/{}.o", fault.name)])?;
                    ensure!(
                        output.status == fault.status && output.complaint().contains(fault.words),
                        "status {}: {}",
                        output.status,
                        output.complaint()
                    );
                }
                Ok(())
            },
        );
    }
    server.check(report, "Ctrl-C ends a program that spins", |server| {
        program(server, "spin", "for (;;) { __asm__ volatile(\"\"); }")?;
        interrupted(server, "spin")
    });
    server.check(report, "Ctrl-C ends a program that sleeps", |server| {
        program(
            server,
            "sleep",
            "return uio_sleep_ms(3600000) == -4 ? 5 : 6;",
        )?;
        interrupted(server, "sleep")
    });
    server.check(
        report,
        "Ctrl-C ends a program that prints for ever",
        |server| {
            program(
                server,
                "flood",
                "for (;;) { uio_printf(\"more and more\\n\"); }",
            )?;
            interrupted(server, "flood")
        },
    );
    server.check(report, "another client ends a program", |server| {
        let running = start(server, "sleep")?;
        let jobs = server.vm.json(&["jobs"])?;
        let job = jobs
            .as_array()
            .and_then(|jobs| jobs.iter().find(|job| job["name"] == "/uio/sleep.o"))
            .and_then(|job| job["number"].as_u64())
            .with_context(|| format!("no program among {jobs}"))?;
        server.vm.ok(&["kill", &format!("%{job}")])?;
        let output = end(running)?;
        ensure!(
            output.status == 5,
            "status {}: {}",
            output.status,
            output.complaint()
        );
        no_jobs(server)
    });
}

fn program(server: &Server<'_>, name: &str, body: &str) -> Result<()> {
    let source = format!("#include <uio.h>\nint main(void) {{ {body} }}\n");
    compile(server, name, &source)
}

/// Starts a program and waits until it runs.
fn start(server: &Server<'_>, name: &str) -> Result<Running> {
    let path = format!("/uio/{name}.o");
    let args = server.vm.exec_args(&["run", &path]);
    let running = Running::start(&mut server.vm.uio().command(&args))?;
    eventually(Duration::from_secs(20), || {
        let programs = server.vm.json(&["programs"])?;
        let runs = programs.as_array().is_some_and(|all| {
            all.iter()
                .any(|one| one["path"] == *path && one["running"].as_u64() > Some(0))
        });
        ensure!(runs, "{path} does not run: {programs}");
        Ok(())
    })?;
    Ok(running)
}

fn end(running: Running) -> Result<Output> {
    running.finish(Duration::from_secs(30), "uio exec -- run".into())
}

/// Runs a program, presses Ctrl-C, and waits for its end.
fn interrupted(server: &Server<'_>, name: &str) -> Result<()> {
    let running = start(server, name)?;
    running.signal(rustix::process::Signal::INT);
    let output = end(running)?;
    ensure!(
        output.status == 130,
        "status {}: {}",
        output.status,
        output.complaint()
    );
    no_jobs(server)
}
