//! From the registry's kernel source to `libhermit.a`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use crate::messages::Messages;
use crate::series::Series;
use crate::toolchain::Toolchain;
use crate::tree::{Tree, create_parent, write_if_changed};
use crate::{Error, Result, command, rename, source, trace};

/// The target the kernel is compiled for.
pub const TARGET: &str = "x86_64-unknown-none";

/// Changes whenever the same object files would give another library.
const STAMP_VERSION: &str = "1";

/// Variables that the kernel's source reads at compile time.
pub const ENVIRONMENT: [&str; 4] = [
    "HERMIT_LOG_LEVEL_FILTER",
    "HERMIT_MRG_RXBUF_SIZE",
    "HERMIT_MTU",
    "NO_COLOR",
];

/// What to build.
#[derive(Clone, Debug)]
pub struct Config<'a> {
    /// The toolchain to build with.
    pub toolchain: &'a Toolchain,
    /// Root of this project.
    pub root: PathBuf,
    /// Directory for the patched source and cargo's output. Several configurations may share one.
    pub work: PathBuf,
    /// Directory in which `libhermit.a` is to appear.
    pub out: PathBuf,
    /// The kernel's features.
    pub features: Vec<String>,
    /// Whether to optimise.
    pub release: bool,
    /// Whether every function calls `mcount` at its entry.
    pub instrument: bool,
    /// Whether the layout of types is shuffled.
    pub randomize_layout: bool,
    /// Whether every function has a site at its entry at which it can be traced.
    pub sites: bool,
}

/// A built kernel.
#[derive(Clone, Debug)]
pub struct Built {
    /// The library to link.
    pub library: PathBuf,
    /// Whether the committed lock file no longer matches the dependencies of this project's crates.
    pub lock_outdated: bool,
}

impl Config<'_> {
    /// The overlay's crates, compiled for size: most of what they do is done when an operator asks for it. (Level `z`
    /// saves 2 KiB more and costs a fifth more instructions.)
    fn small_crates(&self) -> Vec<String> {
        if !self
            .features
            .iter()
            .any(|feature| feature.starts_with("uio"))
        {
            return Vec::new();
        }
        let mut crates = own_crates(&self.root);
        crates.push("virtio-drivers".into());
        crates
    }
}

/// This project's crates inside the kernel, by name: those of the lock file that come from no registry.
fn own_crates(root: &Path) -> Vec<String> {
    let lock = Series::of_project(root).map(|series| series.lock_file());
    let lock = lock
        .ok()
        .and_then(|lock| fs::read_to_string(lock).ok())
        .unwrap_or_default();
    let packages = lock
        .split("[[package]]")
        .skip(1)
        .filter(|package| !package.contains("\nsource = "));
    let names = packages.filter_map(|package| {
        package
            .trim_start()
            .strip_prefix("name = \"")?
            .split('"')
            .next()
    });
    names
        .filter(|name| *name != source::PACKAGE)
        .map(str::to_owned)
        .collect()
}

/// Brings `<work>/source` up to date: registry source, patches, overlay. Files that are right already stay untouched.
///
/// # Errors
/// Those of [`source::find`], [`Series::apply`] and [`Series::finish`].
pub fn prepare_source(toolchain: &Toolchain, root: &Path, work: &Path) -> Result<PathBuf> {
    let series = Series::of_project(root)?;
    let mut tree = Tree::load(&source::find(toolchain, root)?)?;
    series.apply(&mut tree)?;
    series.finish(&mut tree, root)?;
    let copy = work.join("source");
    tree.write(&copy)?;
    Ok(copy)
}

/// Builds the kernel and leaves its library, with the kernel's own symbols hidden, at `<out>/libhermit.a`.
///
/// Concurrent builds that share `work` take turns.
///
/// # Errors
/// Those of [`prepare_source`]; [`Error::Failed`] with the compiler's words.
pub fn build(config: &Config<'_>) -> Result<Built> {
    let lock = config.work.join("lock");
    create_parent(&lock)?;
    let lock_file = File::create(&lock).map_err(|error| Error::io(&lock, error))?;
    lock_file.lock().map_err(|error| Error::io(&lock, error))?;

    let copy = prepare_source(config.toolchain, &config.root, &config.work)?;
    let (compiled, lock_outdated) = compile(config, &copy)?;
    let library = config.out.join("libhermit.a");
    hide(&compiled, &library)?;
    Ok(Built {
        library,
        lock_outdated,
    })
}

/// The cargo command for a subcommand such as `build` or `check`, with every flag that the kernel needs.
#[must_use]
pub fn cargo(config: &Config<'_>, subcommand: &str, copy: &Path) -> Command {
    let mut cargo = config.toolchain.cargo();
    cargo.current_dir(copy).args([
        subcommand,
        "--lib",
        "--target",
        TARGET,
        "-Zbuild-std=core,alloc",
    ]);
    cargo.args([
        "-Zbuild-std-features=compiler-builtins-mem",
        "--no-default-features",
    ]);
    cargo.arg("--target-dir").arg(config.work.join("target"));
    if !config.features.is_empty() {
        cargo.arg("--features").arg(config.features.join(","));
    }
    if config.release {
        cargo.arg("--release");
        // One unit, so that what is inlined where does not depend on how the crate was cut: in 16 units, a change in one
        // place moves the image's size by tens of kilobytes in another.
        cargo.args(["--config", "profile.release.codegen-units=1"]);
        for name in config.small_crates() {
            cargo.arg("--config");
            cargo.arg(format!("profile.release.package.{name}.opt-level=\"s\""));
        }
    }
    let mut flags = Vec::new();
    if config.instrument {
        flags.extend(["-Zinstrument-mcount", "-Cpasses=ee-instrument<post-inline>"]);
    }
    if config.randomize_layout {
        flags.push("-Zrandomize-layout");
    }
    if config.sites {
        flags.extend(trace::FLAGS);
    }
    if !flags.is_empty() {
        cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    }
    cargo
}

/// Runs cargo. Returns the static library it made, and whether the lock file had to change for that.
fn compile(config: &Config<'_>, copy: &Path) -> Result<(PathBuf, bool)> {
    let cargo = cargo(config, "build", copy);
    let program = command::display(&cargo);
    let (messages, lock_outdated) = run(cargo)?;
    let library = messages.static_library();
    let library = library.ok_or_else(|| Error::Output {
        program,
        reason: "it names no static library".into(),
    })?;
    Ok((library, lock_outdated))
}

/// Runs a command made by [`cargo`], with `--locked`, and once more without when the dependencies of this project's own
/// crates have changed since the lock file was made. All other versions stay as they are locked.
///
/// Returns cargo's messages, and whether the lock file was outdated.
///
/// # Errors
/// [`Error::Failed`] with the compiler's errors, or with cargo's words when the compiler had none. Warnings about
/// upstream's code, which is older than the compiler, are left out.
pub fn run(mut cargo: Command) -> Result<(Messages, bool)> {
    cargo.arg("--message-format=json");
    let mut lock_outdated = false;
    let mut output = command::output(&mut with_locked(&cargo))?;
    if !output.status.success()
        && String::from_utf8_lossy(&output.stderr).contains("--locked was passed")
    {
        lock_outdated = true;
        output = command::output(&mut cargo)?;
    }
    let messages = Messages::parse(&output.stdout);
    if output.status.success() {
        return Ok((messages, lock_outdated));
    }
    let errors = messages.errors();
    let words = String::from_utf8_lossy(&output.stderr);
    let reason = if errors.is_empty() {
        words.trim_end().to_owned()
    } else {
        errors.concat()
    };
    Err(command::failed(&cargo, output.status, reason))
}

/// The same command with `--locked`.
fn with_locked(cargo: &Command) -> Command {
    let mut locked = Command::new(cargo.get_program());
    locked.args(cargo.get_args()).arg("--locked");
    for (key, value) in cargo.get_envs() {
        match value {
            Some(value) => locked.env(key, value),
            None => locked.env_remove(key),
        };
    }
    if let Some(dir) = cargo.get_current_dir() {
        locked.current_dir(dir);
    }
    locked
}

/// Whether the committed lock file fits the manifests of the kernel source at `copy`.
///
/// # Errors
/// [`Error::Failed`] with cargo's words when they cannot be read at all.
pub fn lock_is_current(toolchain: &Toolchain, copy: &Path) -> Result<bool> {
    let mut cargo = toolchain.cargo();
    cargo
        .current_dir(copy)
        .args(["metadata", "--format-version=1"]);
    let output = command::output(&mut with_locked(&cargo))?;
    if output.status.success() {
        return Ok(true);
    }
    command::capture(&mut cargo).map(|_| false)
}

/// Brings the committed lock file up to date with the manifests of the kernel and of this project's crates. Returns
/// whether it changed.
///
/// # Errors
/// Those of [`prepare_source`]; [`Error::Failed`] with cargo's words.
pub fn refresh_lock(toolchain: &Toolchain, root: &Path, work: &Path) -> Result<bool> {
    let copy = prepare_source(toolchain, root, work)?;
    let mut cargo = toolchain.cargo();
    cargo
        .current_dir(&copy)
        .args(["metadata", "--format-version=1"]);
    command::capture(&mut cargo)?;
    let new = copy.join("Cargo.lock");
    let new = fs::read(&new).map_err(|error| Error::io(&new, error))?;
    write_if_changed(&Series::of_project(root)?.lock_file(), &new)
}

/// Writes the library with hidden symbols, unless it was made from this very library before.
fn hide(library: &Path, hidden: &Path) -> Result<()> {
    let stamp_file = hidden.with_extension("stamp");
    let stamp = stamp(library)?;
    if hidden.is_file() && fs::read_to_string(&stamp_file).is_ok_and(|old| old == stamp) {
        return Ok(());
    }
    let data = fs::read(library).map_err(|error| Error::io(library, error))?;
    let data = rename::hide_symbols(&library.to_string_lossy(), &data)?;
    write_if_changed(hidden, &data)?;
    fs::write(&stamp_file, stamp).map_err(|error| Error::io(stamp_file, error))
}

/// Identifies one state of a file without reading it.
fn stamp(library: &Path) -> Result<String> {
    let metadata = fs::metadata(library).map_err(|error| Error::io(library, error))?;
    let modified = metadata
        .modified()
        .map_err(|error| Error::io(library, error))?;
    let modified = modified
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    Ok(format!(
        "{STAMP_VERSION} {} {} {modified}\n",
        library.display(),
        metadata.len()
    ))
}

/// Files and directories whose change calls for a new build: patches, the pinned version, and this project's crates
/// that the kernel contains.
#[must_use]
pub fn inputs(root: &Path, uio: bool) -> Vec<PathBuf> {
    let mut inputs = vec![root.join("patches"), root.join("hermit/kernel-source")];
    if uio {
        for name in own_crates(root) {
            inputs.extend([
                root.join(&name).join("src"),
                root.join(&name).join("Cargo.toml"),
            ]);
        }
        inputs.push(root.join("Cargo.toml"));
    }
    inputs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overlay_is_watched_only_when_it_is_on() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let console = root.join("uio-console").join("src");
        assert!(inputs(root, true).contains(&console));
        assert!(!inputs(root, false).contains(&console));
        assert!(
            own_crates(root)
                .iter()
                .all(|name| root.join(name).join("Cargo.toml").is_file())
        );
    }
}
