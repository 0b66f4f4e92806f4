//! The programs of `demos/programs`, as their README has it: compiled, and run beside the web server.

use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};

use super::super::report::Report;
use super::Server;
use crate::process::run_on;
use crate::project;
use crate::transcript::{self, InGuest};
use crate::uio::LIMIT;

/// What shows how programs are isolated, before whatever a program prints.
const ISOLATION: &str = "isolation: ";

fn demos() -> Result<PathBuf> {
    Ok(project::root()?.join("demos/programs"))
}

/// Compiles them and replays the README.
pub fn run(report: &mut Report, server: &Server<'_>) {
    server.check(report, "the demo programs compile", compile);
    server.check(
        report,
        "the demo programs print what their README says",
        replay,
    );
}

fn compile(server: &Server<'_>) -> Result<()> {
    let dir = demos()?;
    let built = server.world.uio.dir("built")?.display().to_string();
    for entry in std::fs::read_dir(&dir)? {
        let source = entry?.path();
        let is_c = source.extension().is_some_and(|kind| kind == "c");
        if !is_c && !source.join("Cargo.toml").is_file() {
            continue;
        }
        let name = source.file_stem().context("a name")?.to_string_lossy();
        let object = server.share.join(format!("{name}.o")).display().to_string();
        let source = source.display().to_string();
        let mut args = vec!["cc", &source, "-o", &object];
        if !is_c {
            args.extend(["--target-dir", &built]);
        }
        let output = server.world.uio.run(&args)?.success()?;
        ensure!(output.stderr.is_empty(), "{name}: {}", output.complaint());
    }
    std::fs::copy(dir.join("sample.log"), server.share.join("sample.log"))?;
    Ok(())
}

fn replay(server: &Server<'_>) -> Result<()> {
    let steps = transcript::steps(&std::fs::read_to_string(demos()?.join("README.md"))?);
    ensure!(!steps.is_empty(), "the README has no transcript");
    let mut status = 0;
    for step in steps {
        let output = match step.in_guest() {
            Some(command) => {
                let (text, ended) = exec(server, &command)?;
                status = ended;
                text
            }
            None if step.command == "echo $?" => format!("{status}\n"),
            None => bail!(
                "line {}: `{}` is no command for a guest",
                step.line,
                step.command
            ),
        };
        if let Some(mismatch) = step.mismatch(&output) {
            bail!("{mismatch}");
        }
    }
    Ok(())
}

/// Runs a command; what it printed, and its status.
fn exec(server: &Server<'_>, command: &InGuest) -> Result<(String, i32)> {
    let mut args = vec!["exec"];
    args.extend(command.options.iter().map(String::as_str));
    args.extend([server.vm.name.as_str(), "--"]);
    args.extend(command.words.iter().map(String::as_str));
    let input = match &command.input {
        Some(file) => Stdio::from(File::open(demos()?.join(file))?),
        None => Stdio::null(),
    };
    let output = run_on(&mut server.world.uio.command(&args), input, LIMIT)?;
    let mut text = output.text();
    for line in output.complaint().lines() {
        if !line.starts_with(ISOLATION) {
            text.push_str(line);
            text.push('\n');
        }
    }
    Ok((text, output.status))
}
