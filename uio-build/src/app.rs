//! From an application's package to a bootable image.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::messages::Messages;
use crate::toolchain::Toolchain;
use crate::{Error, Result, command, image, linker, trace};

/// The target applications are compiled for.
pub const TARGET: &str = "x86_64-unknown-hermit";

/// What to build, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Directory of the application's package, or its `Cargo.toml`.
    pub path: PathBuf,
    /// The binary, when the package has several.
    pub bin: Option<String>,
    /// Features of the application.
    pub features: Vec<String>,
    /// Whether the application's default features are on.
    pub default_features: bool,
    /// Cargo profile, such as `release` or `dev`.
    pub profile: String,
    /// Cargo's target directory; `<workspace>/target/hermit` when absent.
    pub target_dir: Option<PathBuf>,
    /// Whether cargo must use the lock file as it is.
    pub locked: bool,
}

impl Options {
    /// An optimised build of the package at `path` with its default features.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            bin: None,
            features: Vec::new(),
            default_features: true,
            profile: "release".into(),
            target_dir: None,
            locked: false,
        }
    }

    fn manifest(&self) -> Result<PathBuf> {
        let manifest = if self.path.is_dir() {
            self.path.join("Cargo.toml")
        } else {
            self.path.clone()
        };
        if manifest.is_file() {
            return std::path::absolute(&manifest).map_err(|error| Error::io(manifest, error));
        }
        Err(Error::App(format!(
            "{} is no package: there is no {}",
            self.path.display(),
            manifest.display()
        )))
    }
}

/// What a build left behind.
#[derive(Clone, Debug)]
pub struct BuiltImage {
    /// Name of the binary.
    pub name: String,
    /// The image with symbols and debug information, for the symbol index and debuggers.
    pub unstripped: PathBuf,
    /// The image to boot: `<name>.hermit` beside it.
    pub image: PathBuf,
    /// Ties image and symbols together: lower-case hexadecimal.
    pub build_id: String,
}

/// Builds an application with the patched kernel. `progress` gets a line at the start of each step; cargo's own
/// progress goes to standard error.
///
/// # Errors
/// Those of [`Toolchain::find`] and [`linker::find`]; [`Error::App`] when the package is not one that gives a single
/// image; [`Error::Failed`] when cargo reports failure.
pub fn build(options: &Options, progress: &mut dyn FnMut(&str)) -> Result<BuiltImage> {
    let manifest = options.manifest()?;
    let toolchain = Toolchain::find()?;
    let linker = linker::find(&toolchain)?;
    progress(&format!("compiler: {toolchain}"));
    progress(&format!("linker: {}", linker.display()));
    let target_dir = match &options.target_dir {
        // Cargo runs in the package's directory.
        Some(dir) => std::path::absolute(dir).map_err(|error| Error::io(dir, error))?,
        None => workspace_target_dir(&toolchain, &manifest)?.join("hermit"),
    };
    progress(&format!(
        "building {} ({}) in {}",
        manifest.display(),
        options.profile,
        target_dir.display()
    ));
    let mut flags = vec!["-Clink-arg=--build-id=sha1".to_owned()];
    let features = (&options.features, options.default_features);
    if trace::wanted(&toolchain, &manifest, features.0, features.1)? {
        flags.extend(trace::FLAGS.map(str::to_owned));
        let script = trace::script(&target_dir)?;
        flags.push(format!("-Clink-arg=-T{}", script.display()));
    }
    let mut cargo = cargo(options, &toolchain, &linker, &manifest, &flags);
    cargo.arg("--target-dir").arg(&target_dir);
    let messages = command::capture_stdout(&mut cargo)?;
    let (name, unstripped) = executable(&messages, options)?;
    let image = unstripped.with_file_name(format!("{name}.hermit"));
    let build_id = image::build_id(&unstripped)?;
    if !is_current(&image, &unstripped, &build_id) {
        progress(&format!("stripping {}", unstripped.display()));
        image::strip(&unstripped, &image)?;
    }
    Ok(BuiltImage {
        name,
        unstripped,
        image,
        build_id,
    })
}

fn cargo(
    options: &Options,
    toolchain: &Toolchain,
    linker: &Path,
    manifest: &Path,
    flags: &[String],
) -> std::process::Command {
    let mut cargo = toolchain.cargo();
    cargo.args([
        "build",
        "--target",
        TARGET,
        "-Zbuild-std=std,panic_abort",
        "--message-format=json-render-diagnostics",
    ]);
    cargo
        .arg("--manifest-path")
        .arg(manifest)
        .arg("--profile")
        .arg(&options.profile);
    if let Some(parent) = manifest.parent() {
        cargo.current_dir(parent);
    }
    if let Some(bin) = &options.bin {
        cargo.arg("--bin").arg(bin);
    }
    if !options.features.is_empty() {
        cargo.arg("--features").arg(options.features.join(","));
    }
    if !options.default_features {
        cargo.arg("--no-default-features");
    }
    if options.locked {
        cargo.arg("--locked");
    }
    cargo.env("CARGO_TARGET_X86_64_UNKNOWN_HERMIT_LINKER", linker);
    // A TOML array of strings, for which JSON's form does.
    let list = Value::from(flags);
    cargo
        .arg("--config")
        .arg(format!("target.{TARGET}.rustflags={list}"));
    if let Some(users) = std::env::var("RUSTFLAGS")
        .ok()
        .filter(|users| !users.trim().is_empty())
    {
        // The variable would replace the flags above.
        let all = users.split_whitespace().map(str::to_owned);
        let all: Vec<String> = all.chain(flags.iter().cloned()).collect();
        cargo.env_remove("RUSTFLAGS");
        cargo.env("CARGO_ENCODED_RUSTFLAGS", all.join("\x1f"));
    }
    cargo
}

/// Where cargo would put the output of the package's workspace.
fn workspace_target_dir(toolchain: &Toolchain, manifest: &Path) -> Result<PathBuf> {
    let mut cargo = toolchain.cargo();
    cargo
        .args([
            "metadata",
            "--format-version=1",
            "--no-deps",
            "--manifest-path",
        ])
        .arg(manifest);
    let json: Value =
        serde_json::from_slice(&command::capture(&mut cargo)?).map_err(|error| Error::Output {
            program: "cargo metadata".into(),
            reason: error.to_string(),
        })?;
    let dir = json["target_directory"].as_str().map(PathBuf::from);
    dir.ok_or_else(|| Error::Output {
        program: "cargo metadata".into(),
        reason: "no `target_directory`".into(),
    })
}

/// Name and path of the one executable among cargo's messages.
fn executable(messages: &[u8], options: &Options) -> Result<(String, PathBuf)> {
    let found: Vec<(String, PathBuf)> = Messages::parse(messages).executables().collect();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Error::App(format!(
            "{} has no binary to boot",
            options.path.display()
        ))),
        many => {
            let names: Vec<&str> = many.iter().map(|(name, _)| name.as_str()).collect();
            Err(Error::App(format!(
                "{} has several binaries, choose one: {}",
                options.path.display(),
                names.join(", ")
            )))
        }
    }
}

/// Whether `image` was stripped from the file `unstripped` with this build id.
///
/// The newer of the two is not always the one that was made last: when features change back, cargo puts an earlier build in
/// its place again, with the time of then. A copy that was interrupted has the id, and an earlier time.
fn is_current(image: &Path, unstripped: &Path, build_id: &str) -> bool {
    let modified = |path: &Path| path.metadata().and_then(|metadata| metadata.modified());
    let newer =
        matches!((modified(image), modified(unstripped)), (Ok(made), Ok(from)) if made >= from);
    newer && image::build_id(image).is_ok_and(|id| id == build_id)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::process::Command;
    use std::time::{Duration, SystemTime};

    use super::*;

    /// A small ELF file with a build id of its own.
    fn library(dir: &Path, id: &str) -> PathBuf {
        let path = dir.join(id);
        let source = dir.join("empty.c");
        fs::write(&source, "int nothing;\n").unwrap();
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-nostdlib", "-fPIC", "-o"]).arg(&path);
        cc.arg(format!("-Wl,--build-id=0x{id}")).arg(&source);
        command::capture(&mut cc).unwrap();
        path
    }

    #[test]
    fn an_image_of_another_build_is_not_current_however_new_it_is() {
        let dir = std::env::temp_dir().join(format!("uio-build-app-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let [one, two] = ["0123456789abcdef", "fedcba9876543210"].map(|id| library(&dir, id));
        let image = dir.join("image");
        image::strip(&one, &image).unwrap();
        let id = image::build_id(&one).unwrap();
        assert!(is_current(&image, &one, &id));
        assert!(!is_current(&dir.join("missing"), &one, &id));

        // As cargo does: the other build, from an hour ago.
        let past = SystemTime::now() - Duration::from_secs(3600);
        File::open(&two).unwrap().set_modified(past).unwrap();
        assert!(!is_current(&image, &two, &image::build_id(&two).unwrap()));

        let future = SystemTime::now() + Duration::from_secs(3600);
        File::open(&one).unwrap().set_modified(future).unwrap();
        assert!(!is_current(&image, &one, &id));
        fs::remove_dir_all(dir).unwrap();
    }
}
