//! Where this project is, and where its builds go.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// Root of this project.
///
/// # Errors
/// When the source tree that this program was built from has gone.
pub fn root() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize()
        .with_context(|| format!("{} has gone; build xtask again", root.display()))
}

/// The one target directory of everything that is built for the guest, so that std and kernel are built once.
///
/// # Errors
/// Those of [`root`].
pub fn guest_target() -> Result<PathBuf> {
    Ok(root()?.join("target/guest"))
}

/// Cargo for the host, run in the project's root: the one that runs this program.
///
/// # Errors
/// Those of [`root`].
pub fn host_cargo() -> Result<Command> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = Command::new(cargo);
    cargo.current_dir(root()?);
    Ok(cargo)
}
