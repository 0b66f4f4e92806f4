//! Sites at which a running image is traced: a no-operation of five bytes at the entry of every function.
//!
//! A package asks for them by the feature `uio-trace` of its dependency `hermit`. The compiler puts them there and lists
//! them in a section of addresses, each with a relocation; the linker is told to leave that section out, since the
//! no-operation is known by its bytes and costs nothing more.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::toolchain::Toolchain;
use crate::tree::write_if_changed;
use crate::{Error, Result, command};

/// What the compiler puts at the entry of a function: `nopl 8(%rax,%rax)`. Code is padded with other displacements, so
/// these bytes stand nowhere else where instructions begin.
pub const SITE: [u8; 5] = [0x0f, 0x1f, 0x44, 0x00, 0x08];

/// The package whose feature asks for sites, and the feature.
const PACKAGE: &str = "hermit";
const FEATURE: &str = "uio-trace";

/// What the compiler is told, for the kernel and the application alike: sites, and frame pointers to walk stacks by.
pub const FLAGS: [&str; 2] = ["-Zpatchable-function-entry=5", "-Cforce-frame-pointers=yes"];

/// What the linker is told besides its own layout.
const SCRIPT: &str =
    "SECTIONS { /DISCARD/ : { *(__patchable_function_entries) } } INSERT AFTER .text;\n";

/// Whether a package, with these features on, asks for sites.
///
/// # Errors
/// [`Error::Failed`] when cargo cannot resolve the package; [`Error::Output`] when its answer makes no sense.
pub fn wanted(
    toolchain: &Toolchain,
    manifest: &Path,
    features: &[String],
    default_features: bool,
) -> Result<bool> {
    let mut cargo = toolchain.cargo();
    cargo.args(["metadata", "--format-version=1", "--filter-platform"]);
    cargo.arg(crate::app::TARGET);
    cargo.arg("--manifest-path").arg(manifest);
    if !features.is_empty() {
        cargo.arg("--features").arg(features.join(","));
    }
    if !default_features {
        cargo.arg("--no-default-features");
    }
    let json = serde_json::from_slice(&command::capture(&mut cargo)?);
    let json = json.map_err(|error| Error::Output {
        program: "cargo metadata".into(),
        reason: error.to_string(),
    })?;
    Ok(asks(&json))
}

/// Whether cargo's metadata has the feature on.
fn asks(metadata: &Value) -> bool {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let ids: Vec<Value> = list(&metadata["packages"])
        .into_iter()
        .filter(|package| package["name"] == PACKAGE)
        .map(|package| package["id"].clone())
        .collect();
    list(&metadata["resolve"]["nodes"])
        .iter()
        .filter(|node| ids.contains(&node["id"]))
        .any(|node| list(&node["features"]).contains(&Value::from(FEATURE)))
}

/// Writes the linker's script below `dir` and gives its path.
///
/// # Errors
/// [`Error::Io`].
pub fn script(dir: &Path) -> Result<PathBuf> {
    let path = dir.join("uio-trace.ld");
    std::fs::create_dir_all(dir).map_err(|error| Error::io(dir, error))?;
    write_if_changed(&path, SCRIPT.as_bytes())?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_feature_of_the_right_package_counts() {
        let metadata = |name: &str, feature: &str| {
            serde_json::json!({
                "packages": [{"name": name, "id": "a"}, {"name": "app", "id": "b"}],
                "resolve": {"nodes": [
                    {"id": "a", "features": ["pci", feature]},
                    {"id": "b", "features": []},
                ]},
            })
        };
        assert!(asks(&metadata("hermit", "uio-trace")));
        assert!(!asks(&metadata("hermit", "uio")));
        assert!(!asks(&metadata("other", "uio-trace")));
        assert!(!asks(&serde_json::json!({})));
    }

    #[test]
    fn the_linker_keeps_its_layout_and_leaves_the_list_out() {
        let dir = std::env::temp_dir().join(format!("uio-build-trace-{}", std::process::id()));
        let script = script(&dir).unwrap();
        let source = dir.join("site.c");
        std::fs::write(&source, "int _start(void) { return 0; }\n").unwrap();
        let linker = crate::linker::find_any().unwrap();
        let object = dir.join("site.o");
        let mut cc = std::process::Command::new("cc");
        cc.args(["-c", "-O1", "-fPIE", "-fpatchable-function-entry=5", "-o"]);
        command::capture(cc.arg(&object).arg(&source)).unwrap();
        for (listed, args) in [(true, vec![]), (false, vec!["-T".into(), script])] {
            let image = dir.join("image");
            let mut ld = std::process::Command::new(&linker);
            if linker.ends_with("rust-lld") {
                ld.args(["-flavor", "gnu"]);
            }
            ld.args(["-pie", "-o"]).arg(&image).arg(&object).args(args);
            command::capture(&mut ld).unwrap();
            let data = std::fs::read(&image).unwrap();
            let has = |name: &[u8]| data.windows(name.len()).any(|window| window == name);
            assert_eq!(has(b"__patchable_function_entries"), listed);
            assert!(has(b".text"));
        }
        std::fs::remove_dir_all(dir).unwrap();
    }
}
