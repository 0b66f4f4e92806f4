//! `cargo xtask`: what developers of this project do.
#![deny(unsafe_code)]

mod bench;
mod build;
mod cleanup;
mod conformance;
mod demo;
mod fuzz;
mod http;
mod load;
mod patches;
mod process;
mod project;
mod scratch;
mod setup;
mod test;
mod transcript;
mod uio;
mod vm;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Developer tasks of this project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Find what this machine lacks for building, running and testing, and install it.
    Setup,
    /// Build the web server with the overlay, boot it, and walk through everything an operator does.
    Demo,
    /// Run every tier of tests, or the named ones.
    Test(test::Args),
    /// What the project's CI runs: every tier of tests.
    Ci,
    /// Measure what the overlay costs, and hold it against its goals.
    Bench(bench::Args),
    /// Run a folder of eBPF conformance cases.
    Conformance(conformance::Args),
    /// Run the fuzz targets, or the named ones.
    Fuzz(fuzz::Args),
    /// Look after the patches to the kernel.
    #[command(subcommand)]
    Patches(patches::Command),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli.task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task) -> Result<ExitCode> {
    if !matches!(task, Task::Patches(_)) {
        cleanup::on_signals()?;
    }
    match task {
        Task::Setup => setup::run(),
        Task::Demo => demo::run(),
        Task::Test(args) => test::run(args),
        Task::Ci => test::run(&test::Args::default()),
        Task::Bench(args) => bench::run(args),
        Task::Conformance(args) => conformance::run(args),
        Task::Fuzz(args) => fuzz::run(args),
        Task::Patches(command) => patches::run(command),
    }
}
