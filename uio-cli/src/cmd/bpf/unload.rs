//! `uio bpf unload`: unloads programs, with everything that came with them.

use clap::Args;

use super::guest::{Vm, say};
use crate::error::Result;
use crate::render::Format;

/// `uio bpf unload`
#[derive(Debug, Args)]
pub struct UnloadArgs {
    /// The VM.
    #[command(flatten)]
    pub vm: Vm,
    /// The programs, by their names or numbers.
    #[arg(required = true, value_name = "PROGRAM")]
    pub programs: Vec<String>,
    /// Detach them first.
    #[arg(long)]
    pub force: bool,
}

/// Asks for it.
///
/// # Errors
/// As every request.
pub fn run(args: &UnloadArgs, format: Format) -> Result<u8> {
    let mut words = vec!["bpf", "unload"];
    words.extend(args.force.then_some("--force"));
    words.extend(args.programs.iter().map(String::as_str));
    say(&args.vm, format, &words)
}
