//! `uio bpf swap`: a program in the place of another, without a gap.

use clap::Args;

use super::guest::{Vm, say};
use crate::error::Result;
use crate::render::Format;

/// `uio bpf swap`
#[derive(Debug, Args)]
pub struct SwapArgs {
    /// The VM.
    #[command(flatten)]
    pub vm: Vm,
    /// The link, by its number or by the name of its program.
    pub link: String,
    /// The new program, by its name or number.
    pub program: String,
    /// Instructions that each run may take.
    #[arg(long, value_name = "N")]
    pub budget: Option<u64>,
}

/// Asks for it.
///
/// # Errors
/// As every request.
pub fn run(args: &SwapArgs, format: Format) -> Result<u8> {
    let budget = args.budget.map(|budget| format!("--budget={budget}"));
    let mut words = vec!["bpf", "swap"];
    words.extend(budget.as_deref());
    words.extend([args.link.as_str(), args.program.as_str()]);
    say(&args.vm, format, &words)
}
