//! `uio bpf show`: one program.

use clap::Args;

use super::guest::{Vm, say};
use crate::error::Result;
use crate::render::Format;

/// `uio bpf show`
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The VM.
    #[command(flatten)]
    pub vm: Vm,
    /// The program, by its name or number.
    pub program: String,
}

/// Asks for it.
///
/// # Errors
/// As every request.
pub fn run(args: &ShowArgs, format: Format) -> Result<u8> {
    say(&args.vm, format, &["bpf", "show", &args.program])
}
