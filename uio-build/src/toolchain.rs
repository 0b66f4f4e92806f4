//! Finding a compiler that can build its own library.
//!
//! The guest's targets have no prebuilt library, so cargo compiles `core`, `alloc` and `std` itself
//! (`-Zbuild-std`). That needs a matched pair of cargo and rustc, and the library's source below the sysroot.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Error, Result, command};

/// The library's lock file below a sysroot: present exactly when `rust-src` is.
const LIBRARY_LOCK: &str = "lib/rustlib/src/rust/library/Cargo.lock";

/// What is said of a toolchain without it.
const NO_SOURCE: &str = "no library source (component rust-src)";

/// Oldest compiler whose `#[unsafe(naked)]` the kernel's source can use.
const OLDEST: (u32, u32) = (1, 88);

/// Where a toolchain came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Named by the variable `UIO_CARGO`.
    Override,
    /// The compiler that runs the build right now.
    Current,
    /// A rustup toolchain, by name.
    Rustup(String),
    /// The distribution's packages.
    System,
}

/// A cargo and rustc that can build the library for any target.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// Where it was found.
    pub origin: Origin,
    /// The cargo to run.
    pub cargo: PathBuf,
    /// The compiler to hand to that cargo.
    pub rustc: PathBuf,
    /// The first line of `rustc --version`.
    pub version: String,
    /// Whether unstable flags need `RUSTC_BOOTSTRAP`, as they do with a stable release.
    pub bootstrap: bool,
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self
            .version
            .split_whitespace()
            .nth(1)
            .unwrap_or("of unknown version");
        write!(f, "rustc {number} ")?;
        match &self.origin {
            Origin::Override => write!(f, "beside UIO_CARGO ({})", self.rustc.display()),
            Origin::Current => write!(f, "that is running ({})", self.rustc.display()),
            Origin::Rustup(name) => write!(f, "of the rustup toolchain {name}"),
            Origin::System => write!(f, "of the system ({})", self.rustc.display()),
        }
    }
}

/// The places in which toolchains are looked for.
#[derive(Clone, Debug)]
pub struct Places {
    /// Value of `UIO_CARGO`.
    pub override_cargo: Option<PathBuf>,
    /// The compiler that builds us: cargo sets `RUSTC` for build scripts.
    pub current_rustc: Option<PathBuf>,
    /// Directory that holds `toolchains/`.
    pub rustup_home: Option<PathBuf>,
    /// Prefix of the distribution's packages.
    pub system: PathBuf,
}

impl Places {
    /// The places of this machine and environment.
    #[must_use]
    pub fn of_environment() -> Self {
        let var = |name| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let home = std::env::home_dir();
        Self {
            override_cargo: var("UIO_CARGO"),
            current_rustc: var("RUSTC"),
            rustup_home: var("RUSTUP_HOME").or_else(|| home.map(|home| home.join(".rustup"))),
            system: PathBuf::from("/usr"),
        }
    }

    /// Directories of all rustup toolchains: nightlies first, then by name, newest date first.
    #[must_use]
    pub fn rustup_toolchains(&self) -> Vec<PathBuf> {
        let Some(home) = &self.rustup_home else {
            return Vec::new();
        };
        let Ok(entries) = std::fs::read_dir(home.join("toolchains")) else {
            return Vec::new();
        };
        let mut found: Vec<PathBuf> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.is_dir())
            .collect();
        found.sort_by_key(|path| {
            let name = file_name(path);
            let rank = match () {
                () if name.starts_with("nightly-x")
                    || name.starts_with("nightly-a")
                    || name == "nightly" =>
                {
                    0
                }
                () if name.starts_with("nightly") => 1,
                () => 2,
            };
            (rank, std::cmp::Reverse(name))
        });
        found
    }

    /// All candidates in order of preference.
    fn candidates(&self) -> Vec<(Origin, PathBuf, PathBuf)> {
        let mut all = Vec::new();
        if let Some(rustc) = self
            .current_rustc
            .as_ref()
            .filter(|rustc| rustc.is_absolute())
        {
            all.push((
                Origin::Current,
                rustc.with_file_name("cargo"),
                rustc.clone(),
            ));
        }
        for dir in self.rustup_toolchains() {
            all.push((
                Origin::Rustup(file_name(&dir)),
                dir.join("bin/cargo"),
                dir.join("bin/rustc"),
            ));
        }
        all.push((
            Origin::System,
            self.system.join("bin/cargo"),
            self.system.join("bin/rustc"),
        ));
        all
    }
}

impl Toolchain {
    /// Finds a toolchain on this machine: `UIO_CARGO`, the current one, a rustup toolchain with `rust-src`
    /// (nightlies first), then the distribution's.
    ///
    /// # Errors
    /// [`Error::NoToolchain`], saying where it looked and what to install.
    pub fn find() -> Result<Self> {
        Self::find_in(&Places::of_environment())
    }

    /// Finds a toolchain in the given places.
    ///
    /// # Errors
    /// As [`find`](Self::find). An override that does not serve is an error, never skipped.
    pub fn find_in(places: &Places) -> Result<Self> {
        let mut looked = Vec::new();
        let candidates = match &places.override_cargo {
            Some(cargo) => vec![(
                Origin::Override,
                cargo.clone(),
                cargo.with_file_name("rustc"),
            )],
            None => places.candidates(),
        };
        for (origin, cargo, rustc) in candidates {
            // A rustup toolchain is its compiler's sysroot; asking each of them takes a while.
            let sysroot = rustc.parent().and_then(Path::parent);
            let probed = match (&origin, sysroot) {
                (Origin::Rustup(_), Some(dir)) if !dir.join(LIBRARY_LOCK).is_file() => {
                    Err(NO_SOURCE.to_owned())
                }
                _ => probe(&cargo, &rustc),
            };
            match probed {
                Ok((version, bootstrap)) => {
                    return Ok(Self {
                        origin,
                        cargo,
                        rustc,
                        version,
                        bootstrap,
                    });
                }
                Err(lack) => looked.push(format!("  {}: {lack}", cargo.display())),
            }
        }
        Err(Error::NoToolchain {
            looked: looked.join("\n"),
        })
    }

    /// A cargo that uses this toolchain's compiler, with everything of an outer build removed from its environment.
    #[must_use]
    pub fn cargo(&self) -> Command {
        let mut cargo = Command::new(&self.cargo);
        command::without_outer_build(&mut cargo).env("RUSTC", &self.rustc);
        if self.bootstrap {
            cargo.env("RUSTC_BOOTSTRAP", "1");
        }
        cargo
    }
}

/// Asks a candidate for its version and source.
///
/// Returns the version and whether it needs `RUSTC_BOOTSTRAP`, or what it lacks.
fn probe(cargo: &Path, rustc: &Path) -> Result<(String, bool), String> {
    if !cargo.is_file() {
        return Err("not there".into());
    }
    if !rustc.is_file() {
        return Err("no rustc beside it".into());
    }
    let ask = |args: &[&str]| {
        let mut ask = Command::new(rustc);
        command::without_outer_build(&mut ask).args(args);
        let output = command::capture(&mut ask).map_err(|error| error.to_string())?;
        Ok::<_, String>(String::from_utf8_lossy(&output).trim().to_owned())
    };
    let sysroot = PathBuf::from(ask(&["--print", "sysroot"])?);
    if !sysroot.join(LIBRARY_LOCK).is_file() {
        return Err(NO_SOURCE.into());
    }
    let version = ask(&["--version"])?;
    match release(&version) {
        Some(release) if release >= OLDEST => {}
        Some(_) => {
            return Err(format!(
                "{version} is too old, {}.{} is needed",
                OLDEST.0, OLDEST.1
            ));
        }
        None => return Err(format!("unknown version `{version}`")),
    }
    let bootstrap = !(version.contains("-nightly") || version.contains("-dev"));
    Ok((version, bootstrap))
}

/// Major and minor number of "rustc 1.96.0 (…)".
fn release(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.strip_prefix("rustc ")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}
