//! `cargo xtask patches`: looks after the patches to the kernel.

mod check;
mod git;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use uio_build::kernel;
use uio_build::toolchain::Toolchain;

/// What to do with the patches.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Apply the series one by one, building with the features off and on, and check headers and sizes.
    Check {
        /// Check headers, sizes and application only; build nothing.
        #[arg(long)]
        no_build: bool,
    },
    /// Bring the kernel's Cargo.lock up to date with the manifests of this project's crates.
    Lock,
    /// Write the patched kernel to a new git repository, one commit a patch, to work on.
    Tree {
        /// Directory to create.
        dir: PathBuf,
    },
    /// Make the patches from the commits of a repository that `tree` wrote.
    Refresh {
        /// That repository.
        dir: PathBuf,
    },
}

/// Runs a subcommand.
///
/// # Errors
/// Says what could not be read, written, found or run. A check that fails is not an error but a failing exit code.
pub fn run(command: &Command) -> Result<ExitCode> {
    let root = root()?;
    match command {
        Command::Check { no_build } => check::run(&root, !no_build),
        Command::Lock => lock(&root),
        Command::Tree { dir } => git::write(&root, dir),
        Command::Refresh { dir } => git::refresh(&root, dir),
    }
}

/// Root of this project.
fn root() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize()
        .with_context(|| root.display().to_string())
}

/// Directory for the sources and builds of these commands.
fn work(root: &Path) -> PathBuf {
    root.join("target/patches")
}

fn lock(root: &Path) -> Result<ExitCode> {
    let changed = kernel::refresh_lock(&Toolchain::find()?, root, &work(root))?;
    println!(
        "the kernel's Cargo.lock {}",
        if changed {
            "was brought up to date"
        } else {
            "is up to date"
        }
    );
    Ok(ExitCode::SUCCESS)
}
