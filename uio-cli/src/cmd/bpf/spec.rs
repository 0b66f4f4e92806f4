//! `uio bpf spec`: what programs may be, see and call in this image.

use clap::Args;

use super::guest::{Vm, say};
use crate::error::Result;
use crate::render::Format;

/// `uio bpf spec`
#[derive(Debug, Args)]
pub struct SpecArgs {
    /// The VM.
    #[command(flatten)]
    pub vm: Vm,
}

/// Asks for it.
///
/// # Errors
/// As every request.
pub fn run(args: &SpecArgs, format: Format) -> Result<u8> {
    say(&args.vm, format, &["bpf", "spec"])
}
