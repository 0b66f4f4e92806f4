//! `uio bpf log`: what programs print.

use clap::Args;

use super::guest::{Vm, say};
use crate::error::Result;
use crate::render::Format;

/// `uio bpf log`
#[derive(Debug, Args)]
pub struct LogArgs {
    /// The VM.
    #[command(flatten)]
    pub vm: Vm,
    /// Go on with the lines that come.
    #[arg(short, long)]
    pub follow: bool,
}

/// Asks for it.
///
/// # Errors
/// As every request.
pub fn run(args: &LogArgs, format: Format) -> Result<u8> {
    let mut words = vec!["bpf", "log"];
    words.extend(args.follow.then_some("--follow"));
    say(&args.vm, format, &words)
}
