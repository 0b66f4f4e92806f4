//! Finding the boot loader that QEMU starts.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Where cargo puts the loader, below the package `uio-loader`.
const BUILT: &str = "target/x86_64-unknown-none/release/uio-loader";

/// The boot loader: `UIO_LOADER`, or the one beside this program, or the one that was built in the
/// source tree that this program comes from.
///
/// # Errors
/// [`Error::Failed`] when there is none.
pub fn find() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("UIO_LOADER").map(PathBuf::from) {
        return if path.is_file() {
            std::path::absolute(&path).map_err(|e| Error::path("find", &path, e))
        } else {
            Err(Error::Failed(format!(
                "UIO_LOADER names {}, which is no file",
                path.display()
            )))
        };
    }
    let beside = std::env::current_exe()
        .ok()
        .map(|program| program.with_file_name("uio-loader"));
    let built = source_dir().map(|dir| dir.join(BUILT));
    [beside, built]
        .into_iter()
        .flatten()
        .find(|path| path.is_file())
        .ok_or_else(|| {
            Error::Failed(
                "the boot loader uio-loader is not built; run `uio build` once, or set UIO_LOADER"
                    .to_owned(),
            )
        })
}

/// The package `uio-loader` in the source tree that this program was built from, if it is there.
#[must_use]
pub fn source_dir() -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()?
        .join("uio-loader");
    dir.join("Cargo.toml").is_file().then_some(dir)
}
