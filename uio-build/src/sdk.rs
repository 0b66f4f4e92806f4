//! The SDK for programs in Rust, brought along: the crate `uio-program`, and manifests that use it.

use std::path::Path;

use crate::{Error, Result};

/// Every file of the crate, by its path inside.
const FILES: [(&str, &str); 11] = [
    ("Cargo.toml", include_str!("../../uio-program/Cargo.toml")),
    ("src/args.rs", include_str!("../../uio-program/src/args.rs")),
    (
        "src/clock.rs",
        include_str!("../../uio-program/src/clock.rs"),
    ),
    (
        "src/entry.rs",
        include_str!("../../uio-program/src/entry.rs"),
    ),
    (
        "src/error.rs",
        include_str!("../../uio-program/src/error.rs"),
    ),
    ("src/fs.rs", include_str!("../../uio-program/src/fs.rs")),
    ("src/gate.rs", include_str!("../../uio-program/src/gate.rs")),
    ("src/io.rs", include_str!("../../uio-program/src/io.rs")),
    ("src/lib.rs", include_str!("../../uio-program/src/lib.rs")),
    ("src/sys.rs", include_str!("../../uio-program/src/sys.rs")),
    ("README.md", include_str!("../../uio-program/README.md")),
];

/// Writes the crate into `dir`, which is made.
///
/// # Errors
/// [`Error::Io`]
pub fn write(dir: &Path) -> Result<()> {
    for (name, text) in FILES {
        let path = dir.join(name);
        let parent = path.parent().unwrap_or(dir);
        std::fs::create_dir_all(parent).map_err(|error| Error::io(parent, error))?;
        std::fs::write(&path, text).map_err(|error| Error::io(&path, error))?;
    }
    Ok(())
}

/// The manifest of a program named `package` that finds the SDK at the path `sdk`.
#[must_use]
pub fn manifest(package: &str, sdk: &str) -> String {
    format!(
        "[package]
name = {package:?}
version = \"0.1.0\"
edition = \"2024\"
publish = false

# A package of its own, wherever it lies.
[workspace]

[lib]
# `uio cc` makes one object of it, which `run` loads.
crate-type = [\"staticlib\"]

[dependencies]
uio-program = {{ path = {sdk:?} }}

[profile.dev]
panic = \"abort\"

[profile.release]
panic = \"abort\"
opt-level = \"s\"
lto = \"fat\"
codegen-units = 1
"
    )
}

/// The name of a package that is named after a file or directory.
#[must_use]
pub fn package_name(stem: &str) -> String {
    let mut name: String = stem
        .chars()
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => c,
            _ => '-',
        })
        .collect();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.insert_str(0, "program-");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of the files below a directory, relative to it.
    fn files_below(dir: &Path, prefix: &str, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).unwrap().flatten() {
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            match entry.path().is_dir() {
                true => files_below(&entry.path(), &format!("{name}/"), found),
                false => found.push(name),
            }
        }
    }

    #[test]
    fn the_whole_crate_is_brought_along() {
        let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../uio-program");
        let mut there = vec!["Cargo.toml".to_owned(), "README.md".to_owned()];
        files_below(&crate_dir.join("src"), "src/", &mut there);
        there.sort();
        let mut brought: Vec<_> = FILES.iter().map(|file| file.0).collect();
        brought.sort_unstable();
        assert_eq!(there, brought);
    }

    #[test]
    fn packages_have_names_that_cargo_takes() {
        for (stem, name) in [
            ("hello", "hello"),
            ("log filter", "log-filter"),
            ("3d", "program-3d"),
            ("", "program-"),
            ("größe", "gr--e"),
        ] {
            assert_eq!(package_name(stem), name);
        }
    }
}
