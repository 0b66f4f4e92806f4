//! Finding a linker for the guest's target.

use std::path::{Path, PathBuf};

use crate::toolchain::{Places, Toolchain};
use crate::{Error, Result};

/// Finds `rust-lld` in the given toolchain, in any rustup toolchain, or else the distribution's `ld.lld`.
///
/// # Errors
/// [`Error::NoLinker`] when there is none.
pub fn find(toolchain: &Toolchain) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    find_in(toolchain, &Places::of_environment(), &dirs)
}

/// Finds a linker in the given places, with `path` as the directories for `ld.lld`.
///
/// # Errors
/// [`Error::NoLinker`] when there is none.
pub fn find_in(toolchain: &Toolchain, places: &Places, path: &[PathBuf]) -> Result<PathBuf> {
    let own = toolchain
        .rustc
        .parent()
        .and_then(Path::parent)
        .map(Path::to_path_buf);
    own.into_iter()
        .chain(places.rustup_toolchains())
        .find_map(|root| rust_lld(&root))
        .or_else(|| ld_lld(path))
        .ok_or(Error::NoLinker)
}

/// Finds `rust-lld` in any rustup toolchain, or else the distribution's `ld.lld`, where no toolchain is at hand.
///
/// # Errors
/// [`Error::NoLinker`] when there is none.
pub fn find_any() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let toolchains = Places::of_environment().rustup_toolchains();
    let found = toolchains.iter().find_map(|root| rust_lld(root));
    found.or_else(|| ld_lld(&dirs)).ok_or(Error::NoLinker)
}

/// `lib/rustlib/<host>/bin/rust-lld` below a toolchain.
fn rust_lld(root: &Path) -> Option<PathBuf> {
    let hosts = std::fs::read_dir(root.join("lib/rustlib")).ok()?;
    hosts
        .flatten()
        .map(|host| host.path().join("bin/rust-lld"))
        .find(|lld| lld.is_file())
}

/// `ld.lld`, or the newest `ld.lld-NN`.
fn ld_lld(path: &[PathBuf]) -> Option<PathBuf> {
    if let Some(plain) = path
        .iter()
        .map(|dir| dir.join("ld.lld"))
        .find(|lld| lld.is_file())
    {
        return Some(plain);
    }
    let numbered = path
        .iter()
        .filter_map(|dir| std::fs::read_dir(dir).ok())
        .flat_map(|dir| dir.flatten());
    numbered
        .filter_map(|entry| {
            let name = entry.file_name();
            let number: u32 = name.to_str()?.strip_prefix("ld.lld-")?.parse().ok()?;
            Some((number, entry.path()))
        })
        .max()
        .map(|(_, lld)| lld)
}
