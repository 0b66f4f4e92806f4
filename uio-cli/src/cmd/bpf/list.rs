//! `uio bpf list`: the programs that are loaded.

use clap::Args;

use super::guest::{Vm, say};
use crate::error::Result;
use crate::render::Format;

/// `uio bpf list`
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The VM.
    #[command(flatten)]
    pub vm: Vm,
}

/// Asks for it.
///
/// # Errors
/// As every request.
pub fn run(args: &ListArgs, format: Format) -> Result<u8> {
    say(&args.vm, format, &["bpf", "list"])
}
