//! Building what the tasks use: the `uio` command and images for the guest.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use uio_build::command::{capture_stdout, display};
use uio_build::messages::Messages;

use crate::project;

/// Builds the `uio` command, with the profile that this program is built with: cargo has most of it already.
///
/// # Errors
/// When cargo reports failure.
pub fn uio() -> Result<PathBuf> {
    let mut cargo = project::host_cargo()?;
    cargo.args(["build", "--quiet", "--package", "uio-cli", "--bin", "uio"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    cargo.arg("--message-format=json-render-diagnostics");
    let messages = Messages::parse(&capture_stdout(&mut cargo)?);
    let found = messages.executables().find(|(name, _)| name == "uio");
    found
        .map(|(_, path)| path)
        .context("cargo built no executable `uio`")
}

/// A built image.
#[derive(Clone, Debug)]
pub struct Image {
    /// The image to boot; its symbol index is beside it.
    pub path: PathBuf,
    /// Its symbol index.
    pub symbols: PathBuf,
    /// The image with symbols and debug information.
    pub unstripped: PathBuf,
}

impl Image {
    /// Copies image and index to `dir` under another name, because the next build of the package takes their place.
    ///
    /// # Errors
    /// When a file cannot be copied.
    pub fn keep(&self, dir: &Path, name: &str) -> Result<Self> {
        let path = dir.join(format!("{name}.hermit"));
        let symbols = dir.join(format!("{name}.hermit.sym"));
        for (from, to) in [(&self.path, &path), (&self.symbols, &symbols)] {
            std::fs::copy(from, to).with_context(|| format!("copy {}", from.display()))?;
        }
        Ok(Self {
            path,
            symbols,
            ..self.clone()
        })
    }
}

/// What to build.
#[derive(Clone, Debug, Default)]
pub struct App<'a> {
    /// The package's directory, relative to the project's root.
    pub package: &'a str,
    /// Features to switch on.
    pub features: &'a [&'a str],
    /// Whether the default features are off.
    pub bare: bool,
}

impl App<'_> {
    /// The command that builds it.
    ///
    /// # Errors
    /// When the project's root has gone.
    pub fn command(&self, uio: &Path) -> Result<Command> {
        let mut build = Command::new(uio);
        build.current_dir(project::root()?);
        build.arg("build").arg(self.package).arg("--target-dir");
        build.arg(project::guest_target()?);
        if self.bare {
            build.arg("--no-default-features");
        }
        if !self.features.is_empty() {
            build.arg("--features").arg(self.features.join(","));
        }
        Ok(build)
    }

    /// Builds it with `uio build`, which builds the boot loader too. Progress goes to standard error.
    ///
    /// # Errors
    /// When the build fails.
    pub fn build(&self, uio: &Path) -> Result<Image> {
        let mut build = self.command(uio)?;
        finish(build.args(["--locked", "--output", "json"]))
    }
}

/// Runs a `uio build` that answers in JSON. Progress goes to standard error.
///
/// # Errors
/// When the build fails.
pub fn finish(build: &mut Command) -> Result<Image> {
    build.stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = build
        .output()
        .with_context(|| format!("start `{}`", display(build)))?;
    if !output.status.success() {
        bail!("`{}` failed ({})", display(build), output.status);
    }
    let answer: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("`{}` gave no JSON", display(build)))?;
    let member = |name: &str| {
        answer[name]
            .as_str()
            .map(str::to_owned)
            .with_context(|| format!("`uio build` named no `{name}`"))
    };
    Ok(Image {
        path: member("image")?.into(),
        symbols: member("symbols")?.into(),
        unstripped: member("unstripped")?.into(),
    })
}
