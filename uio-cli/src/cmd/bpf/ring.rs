//! `uio bpf ring`: the records of a ring buffer, which are taken out of it.

use clap::Args;

use super::guest::{Vm, say};
use crate::error::Result;
use crate::render::Format;

/// `uio bpf ring`
#[derive(Debug, Args)]
pub struct RingArgs {
    /// The VM.
    #[command(flatten)]
    pub vm: Vm,
    /// The map, by its name or number.
    pub map: String,
    /// Go on with the records that come.
    #[arg(short, long)]
    pub follow: bool,
}

/// Asks for it.
///
/// # Errors
/// As every request.
pub fn run(args: &RingArgs, format: Format) -> Result<u8> {
    let mut words = vec!["bpf", "ring"];
    words.extend(args.follow.then_some("--follow"));
    words.push(&args.map);
    say(&args.vm, format, &words)
}
