//! `uio bpf detach`: ends what programs are attached to.

use clap::Args;

use super::guest::{Vm, say};
use crate::error::Result;
use crate::render::Format;

/// `uio bpf detach`
#[derive(Debug, Args)]
pub struct DetachArgs {
    /// The VM.
    #[command(flatten)]
    pub vm: Vm,
    /// The links, by their numbers or by the names of their programs.
    #[arg(required = true, value_name = "LINK")]
    pub links: Vec<String>,
}

/// Asks for it.
///
/// # Errors
/// As every request.
pub fn run(args: &DetachArgs, format: Format) -> Result<u8> {
    let mut words = vec!["bpf", "detach"];
    words.extend(args.links.iter().map(String::as_str));
    say(&args.vm, format, &words)
}
