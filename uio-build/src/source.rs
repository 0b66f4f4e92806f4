//! Finding the kernel's source in cargo's registry.
//!
//! The manifest in `hermit/kernel-source/` names the kernel with an exact version, and its lock file holds the
//! package's checksum; so cargo itself downloads and checks it, and works offline from its cache.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::toolchain::Toolchain;
use crate::{Error, Result, command};

/// Name of the kernel's package.
pub const PACKAGE: &str = "hermit-kernel";
/// The one version that the patches fit.
pub const VERSION: &str = "0.11.0";

/// The directory of the unpacked, checked kernel source. It belongs to cargo: read only.
///
/// # Errors
/// [`Error::Failed`] with cargo's words when the package cannot be fetched or its checksum differs.
pub fn find(toolchain: &Toolchain, root: &Path) -> Result<PathBuf> {
    let manifest = root.join("hermit/kernel-source/Cargo.toml");
    let metadata = |offline: bool| {
        let mut cargo = toolchain.cargo();
        cargo.args([
            "metadata",
            "--format-version=1",
            "--locked",
            "--filter-platform=x86_64-unknown-none",
        ]);
        cargo.arg("--manifest-path").arg(&manifest);
        if offline {
            cargo.arg("--offline");
        }
        command::capture(&mut cargo)
    };
    // From the cache when possible: no network, and a tenth of the time.
    let json = metadata(true).or_else(|_| metadata(false))?;
    let unexpected = |reason: &str| Error::Output {
        program: "cargo metadata".into(),
        reason: reason.into(),
    };
    let json: Value =
        serde_json::from_slice(&json).map_err(|error| unexpected(&error.to_string()))?;
    let packages = json["packages"]
        .as_array()
        .ok_or_else(|| unexpected("no `packages`"))?;
    packages
        .iter()
        .find(|package| package["name"] == PACKAGE && package["version"] == VERSION)
        .and_then(|package| package["manifest_path"].as_str())
        .and_then(|manifest| Path::new(manifest).parent())
        .map(Path::to_path_buf)
        .ok_or_else(|| unexpected(&format!("no package {PACKAGE} {VERSION}")))
}
