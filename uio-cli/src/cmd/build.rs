//! `uio build`: an application's image, its symbol index, and the boot loader when that is not
//! built yet.

use std::path::{Path, PathBuf};

use serde_json::json;
use uio_build::{app, symbols};

use super::progress::Progress;
use super::{loader, print, print_json};
use crate::cli::BuildArgs;
use crate::error::{Result, exit};
use crate::render::Format;
use crate::render::parts::size;

/// Builds an application.
///
/// # Errors
/// [`crate::error::Error::Build`] with the words of the step that failed.
pub fn run(args: BuildArgs, format: Format) -> Result<u8> {
    let progress = Progress::new(format);
    loader::ensure(&progress)?;
    let options = app::Options {
        bin: args.bin,
        features: args.features,
        default_features: !args.no_default_features,
        profile: match args.profile {
            Some(profile) => profile,
            None if args.debug => "dev".to_owned(),
            None => "release".to_owned(),
        },
        target_dir: args.target_dir,
        locked: args.locked,
        ..app::Options::new(&args.path)
    };
    let built = app::build(&options, &mut |step| progress.keep_still(step))?;
    let index = index_of(&built.image);
    progress.step("writing the symbol index");
    let summary = symbols::write(&built.unstripped, &index)?;
    let bytes = std::fs::metadata(&built.image).map_or(0, |meta| meta.len());
    let took = progress.done();
    match format {
        Format::Text => print(&format!(
            "image     {} ({})\nsymbols   {} ({} symbols)\nbuild id  {}\ntook      {:.1} s\n",
            built.image.display(),
            size(bytes),
            index.display(),
            summary.symbols,
            built.build_id,
            took.as_secs_f32()
        ))?,
        Format::Json => print_json(&json!({
            "name": built.name,
            "image": built.image.to_string_lossy(),
            "image_bytes": bytes,
            "unstripped": built.unstripped.to_string_lossy(),
            "symbols": index.to_string_lossy(),
            "symbol_count": summary.symbols,
            "build_id": built.build_id,
        }))?,
    }
    Ok(exit::OK)
}

/// Where the symbol index of an image is: `<image>.sym`.
#[must_use]
pub fn index_of(image: &Path) -> PathBuf {
    let mut name = image.as_os_str().to_owned();
    name.push(".sym");
    PathBuf::from(name)
}
