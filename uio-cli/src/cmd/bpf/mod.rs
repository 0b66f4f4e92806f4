//! `uio bpf`: eBPF programs. One subcommand a file.

pub mod dump;
mod engine;
mod host;
pub mod input;
mod local;
mod maps;
pub mod run;
pub mod words;

use clap::{Args, Subcommand};

use crate::error::Result;
use crate::render::Format;

/// `uio bpf`
#[derive(Debug, Args)]
pub struct BpfArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: BpfCommand,
}

/// The subcommands of `uio bpf`.
#[derive(Debug, Subcommand)]
pub enum BpfCommand {
    /// Show what is in an object: programs as instructions, maps with their types.
    Dump(dump::DumpArgs),
    /// Run a program on request.
    Run(run::RunArgs),
}

/// Does what is asked.
///
/// # Errors
/// As the subcommand's.
pub fn run(args: BpfArgs, format: Format) -> Result<u8> {
    match args.command {
        BpfCommand::Dump(args) => dump::run(&args, format),
        BpfCommand::Run(args) => run::run(&args, format),
    }
}
