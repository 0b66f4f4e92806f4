//! `uio bpf`: eBPF programs. One subcommand a file.

pub mod attach;
pub mod detach;
pub mod dump;
mod engine;
pub(crate) mod guest;
mod host;
pub mod input;
pub mod links;
pub mod list;
pub mod load;
mod local;
pub mod log;
pub mod map;
mod maps;
pub mod ring;
pub mod run;
pub mod show;
pub mod spec;
pub mod swap;
pub mod unload;
mod values;
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
    /// Run a program on request: one that is loaded in a guest, or with --local one of a file in this process.
    Run(run::RunArgs),
    /// Load the programs of an object into a guest.
    Load(load::LoadArgs),
    /// List the programs that are loaded.
    List(list::ListArgs),
    /// Show one of them.
    Show(show::ShowArgs),
    /// Unload programs.
    Unload(unload::UnloadArgs),
    /// Attach a program to functions, a probe or an interval.
    Attach(attach::AttachArgs),
    /// List what programs are attached to.
    Links(links::LinksArgs),
    /// Detach programs.
    Detach(detach::DetachArgs),
    /// Put a program in the place of another.
    Swap(swap::SwapArgs),
    /// Look into maps and change them.
    Map(map::MapArgs),
    /// Take the records out of a ring buffer.
    Ring(ring::RingArgs),
    /// Show what programs print.
    Log(log::LogArgs),
    /// Show what programs may be, see and call in an image.
    Spec(spec::SpecArgs),
}

/// Does what is asked.
///
/// # Errors
/// As the subcommand's.
pub fn run(args: BpfArgs, format: Format) -> Result<u8> {
    match args.command {
        BpfCommand::Dump(args) => dump::run(&args, format),
        BpfCommand::Run(args) => run::run(&args, format),
        BpfCommand::Load(args) => load::run(&args, format),
        BpfCommand::List(args) => list::run(&args, format),
        BpfCommand::Show(args) => show::run(&args, format),
        BpfCommand::Unload(args) => unload::run(&args, format),
        BpfCommand::Attach(args) => attach::run(&args, format),
        BpfCommand::Links(args) => links::run(&args, format),
        BpfCommand::Detach(args) => detach::run(&args, format),
        BpfCommand::Swap(args) => swap::run(&args, format),
        BpfCommand::Map(args) => map::run(&args, format),
        BpfCommand::Ring(args) => ring::run(&args, format),
        BpfCommand::Log(args) => log::run(&args, format),
        BpfCommand::Spec(args) => spec::run(&args, format),
    }
}
