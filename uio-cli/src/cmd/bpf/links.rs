//! `uio bpf links`: what programs are attached to.

use clap::Args;

use super::guest::{Vm, say};
use crate::error::Result;
use crate::render::Format;

/// `uio bpf links`
#[derive(Debug, Args)]
pub struct LinksArgs {
    /// The VM.
    #[command(flatten)]
    pub vm: Vm,
    /// Only these, with their functions.
    #[arg(value_name = "LINK")]
    pub links: Vec<String>,
}

/// Asks for it.
///
/// # Errors
/// As every request.
pub fn run(args: &LinksArgs, format: Format) -> Result<u8> {
    let mut words = vec!["bpf", "links"];
    words.extend(args.links.iter().map(String::as_str));
    say(&args.vm, format, &words)
}
