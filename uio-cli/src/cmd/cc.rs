//! `uio cc`: programs for guests.

use std::io::Write;

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
        None => cc::default_object(&args.sources)
            .ok_or_else(|| Error::Usage("name the object to make with `-o`".to_owned()))?,
    };
    let options = cc::Options {
        compiler: args.compiler,
        flags: args.flags,
        debug: args.debug,
        target_dir: args.target_dir,
        linker: None,
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
