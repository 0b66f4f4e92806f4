//! The boot loader that QEMU starts: finding it, and building it.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use uio_build::toolchain::Toolchain;
use uio_build::{command, linker};

use super::progress::Progress;
use crate::error::{Error, Result};

/// The target that the loader is compiled for.
const TARGET: &str = "x86_64-unknown-none";

/// Where cargo puts the loader, below the package's directory.
const BUILT: &str = "target/x86_64-unknown-none/release/uio-loader";

/// The boot loader: `UIO_LOADER`, or the one beside this program, or the one that was built in the
/// source tree that this program comes from.
///
/// # Errors
/// [`Error::Failed`] when there is none.
pub fn find() -> Result<PathBuf> {
    if let Some(path) = overridden()? {
        return Ok(path);
    }
    [beside(), source_dir().map(|dir| dir.join(BUILT))]
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

/// Builds the boot loader unless there is one that is up to date.
///
/// # Errors
/// [`Error::Build`] with the words of the step that failed.
pub fn ensure(progress: &Progress) -> Result<()> {
    if overridden()?.is_some() || beside().is_some_and(|path| path.is_file()) {
        return Ok(());
    }
    // A program that was moved away from its source tree has the loader beside it.
    let Some(dir) = source_dir() else {
        return Ok(());
    };
    if is_current(&dir) {
        return Ok(());
    }
    let toolchain = Toolchain::find()?;
    let linker = linker::find(&toolchain)?;
    progress.keep_still("building the boot loader");
    let mut cargo = toolchain.cargo();
    cargo
        .current_dir(&dir)
        .args(["build", "--release", "--locked", "--target", TARGET])
        .args(["-Zbuild-std=core,compiler_builtins"])
        .args(["-Zbuild-std-features=compiler-builtins-mem"])
        .arg("--target-dir")
        .arg(dir.join("target"))
        .env("CARGO_TARGET_X86_64_UNKNOWN_NONE_LINKER", linker);
    let program = command::display(&cargo);
    let status = cargo
        .status()
        .map_err(|e| Error::io(format!("start `{program}`"), e))?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::Failed(format!(
            "`{program}` in {} failed ({status})",
            dir.display()
        )))
    }
}

fn overridden() -> Result<Option<PathBuf>> {
    let Some(path) = std::env::var_os("UIO_LOADER").map(PathBuf::from) else {
        return Ok(None);
    };
    if path.is_file() {
        std::path::absolute(&path)
            .map(Some)
            .map_err(|e| Error::path("find", &path, e))
    } else {
        Err(Error::Failed(format!(
            "UIO_LOADER names {}, which is no file",
            path.display()
        )))
    }
}

fn beside() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    Some(program.with_file_name("uio-loader"))
}

/// The package `uio-loader` in the source tree that this program was built from, if it is there.
#[must_use]
pub fn source_dir() -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()?
        .join("uio-loader");
    dir.join("Cargo.toml").is_file().then_some(dir)
}

/// Whether the loader in `dir` is newer than everything that it is made of.
fn is_current(dir: &Path) -> bool {
    let Some(built) = modified(&dir.join(BUILT)) else {
        return false;
    };
    let mut sources = vec![
        dir.join("Cargo.toml"),
        dir.join("Cargo.lock"),
        dir.join("build.rs"),
        dir.join("link.ld"),
    ];
    list(&dir.join("src"), &mut sources);
    sources
        .iter()
        .filter_map(|path| modified(path))
        .all(|source| source <= built)
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}

fn list(dir: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            list(&path, files);
        } else {
            files.push(path);
        }
    }
}
