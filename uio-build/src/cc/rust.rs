//! Packages and files in Rust: compiled by cargo to a static library without the standard library.
//!
//! The target is that of programs on Linux, which every toolchain for x86-64 has at hand: it differs from what a guest
//! needs in nothing that an object shows, as long as the library is `no_std`. Why these flags:
//!
//! | flag | reason |
//! |---|---|
//! | `relocation-model=pic` | the image's variables may be anywhere; they are reached through a table |
//! | `no-redzone` | where programs run on the kernel's privilege level, what interrupts them may use the stack below the stack pointer |
//! | `force-frame-pointers` | the backtrace of a fault follows frame pointers |
//! | `force-unwind-tables=no`, panics abort | nothing unwinds a program, so its tables would be loaded in vain |

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Options;
use super::room::Room;
use crate::messages::Messages;
use crate::{Error, Result, command, sdk};

const TARGET: &str = "x86_64-unknown-linux-gnu";

const FLAGS: [&str; 4] = [
    "-Crelocation-model=pic",
    "-Cno-redzone=yes",
    "-Cforce-frame-pointers=yes",
    "-Cforce-unwind-tables=no",
];

/// The directory of the package that is named by its directory or its manifest.
pub(super) fn package_dir(source: &Path) -> &Path {
    if source.is_dir() {
        return source;
    }
    match source.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Compiles a package or a file to a static library; adds the compiler's warnings.
pub(super) fn library(
    source: &Path,
    room: &Room,
    options: &Options,
    warnings: &mut String,
) -> Result<PathBuf> {
    let manifest = match source.extension() == Some(OsStr::new("rs")) {
        true => wrap(source, room)?,
        false => package_dir(source).join("Cargo.toml"),
    };
    if !manifest.is_file() {
        return Err(Error::App(format!(
            "{}: there is no such file, so {} is no package in Rust",
            manifest.display(),
            source.display()
        )));
    }
    let mut cargo = cargo(&manifest, options);
    let output = cargo.output().map_err(|source| Error::Spawn {
        command: format!(
            "{} (Rust comes from https://rustup.rs)",
            command::display(&cargo)
        ),
        source,
    })?;
    let words = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        let words = words.trim_end().to_owned();
        return Err(command::failed(&cargo, output.status, words));
    }
    *warnings += &words;
    let made = Messages::parse(&output.stdout).static_library();
    made.ok_or_else(|| Error::Output {
        program: "cargo".into(),
        reason: "it made no static library".into(),
    })
}

fn cargo(manifest: &Path, options: &Options) -> Command {
    let mut cargo = Command::new("cargo");
    command::without_outer_build(&mut cargo);
    cargo
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\x1f"))
        .args(["rustc", "--quiet", "--release", "--lib"])
        .args(["--crate-type", "staticlib", "--target", TARGET])
        .arg("--message-format=json-render-diagnostics")
        .args(["--config", "profile.release.panic=\"abort\""])
        .arg("--manifest-path")
        .arg(manifest);
    if options.debug {
        cargo.args(["--config", "profile.release.debug=true"]);
    }
    if let Some(dir) = &options.target_dir {
        cargo.arg("--target-dir").arg(dir);
    }
    if !options.flags.is_empty() {
        cargo.arg("--").args(&options.flags);
    }
    cargo
}

/// Makes a package of a single file, with the SDK beside it; returns its manifest.
fn wrap(source: &Path, room: &Room) -> Result<PathBuf> {
    let source = source
        .canonicalize()
        .map_err(|error| Error::io(source, error))?;
    let path = source.to_str().ok_or_else(|| {
        Error::App(format!(
            "{}: cargo takes paths in UTF-8 only",
            source.display()
        ))
    })?;
    let stem = source.file_stem().and_then(OsStr::to_str);
    sdk::write(&room.path().join("uio-program"))?;
    let manifest = sdk::manifest(&sdk::package_name(stem.unwrap_or_default()), "uio-program")
        .replace("[lib]\n", &format!("[lib]\npath = {path:?}\n"));
    room.write("Cargo.toml", &manifest)
}
