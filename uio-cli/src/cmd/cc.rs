//! `uio cc`: programs for guests.

use std::io::Write;
use std::path::PathBuf;

use serde_json::json;
use uio_build::cc;

use super::{print, print_json};
use crate::cli::CcArgs;
use crate::error::{Error, Result, exit};
use crate::render::Format;
use crate::render::parts::size;

/// Compiles a program.
///
/// # Errors
/// [`Error::Build`] with the compiler's words.
pub fn run(args: CcArgs, format: Format) -> Result<u8> {
    let out = match args.out {
        Some(out) => out,
        None => default_out(&args.sources)?,
    };
    let options = cc::Options {
        compiler: args.compiler,
        flags: args.flags,
    };
    let summary = cc::compile(&args.sources, &out, &options)?;
    let _ = std::io::stderr().write_all(summary.warnings.as_bytes());
    match format {
        Format::Text => print(&format!(
            "{} ({})\n",
            summary.object.display(),
            size(summary.bytes)
        ))?,
        Format::Json => print_json(&json!({
            "object": summary.object.to_string_lossy(),
            "bytes": summary.bytes,
            "compiler": summary.compiler.to_string_lossy(),
            "warnings": summary.warnings,
        }))?,
    }
    Ok(exit::OK)
}

fn default_out(sources: &[PathBuf]) -> Result<PathBuf> {
    sources
        .first()
        .filter(|source| source.extension().is_none_or(|extension| extension != "o"))
        .and_then(|source| source.file_stem())
        .map(|stem| PathBuf::from(stem).with_extension("o"))
        .ok_or_else(|| Error::Usage("name the object to make with `-o`".to_owned()))
}
