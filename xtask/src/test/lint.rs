//! Tier `lint`: format and clippy, for the workspace and for the packages outside of it.

use anyhow::Result;

use super::report::{Report, skip};
use super::{OUTSIDE, cargo};
use crate::process;
use crate::project;

/// Packages that are no members of the workspace.
const PACKAGES: [&str; 6] = [
    "hermit",
    "uio-loader",
    "demos/web",
    "demos/hello",
    "demos/fs",
    "demos/programs/report",
];

/// Runs all checks.
///
/// # Errors
/// When the project's root has gone.
pub fn run(report: &mut Report) -> Result<()> {
    report.check("format of the workspace", || {
        quiet(&["fmt", "--all", "--check"])
    });
    for package in PACKAGES {
        report.check(&format!("format of {package}"), || {
            let manifest = format!("{package}/Cargo.toml");
            quiet(&["fmt", "--check", "--manifest-path", &manifest])
        });
    }
    report.check("clippy of the workspace", || {
        quiet(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--",
            "-Dwarnings",
        ])
    });
    for package in PACKAGES {
        report.check(&format!("clippy of {package}"), || {
            let manifest = format!("{package}/Cargo.toml");
            quiet(&[
                "clippy",
                "--locked",
                "--all-targets",
                "--target-dir",
                OUTSIDE,
                "--manifest-path",
                &manifest,
                "--",
                "-Dwarnings",
            ])
        });
    }
    Ok(())
}

/// Runs cargo and shows what it says only if it fails. Skips where the component is not installed.
fn quiet(args: &[&str]) -> Result<()> {
    let component = args.first().copied().unwrap_or_default();
    let mut probe = project::host_cargo()?;
    probe.args([component, "--version"]);
    if process::run(&mut probe, cargo::LIMIT)?.status != 0 {
        return skip(format!(
            "this toolchain has no `cargo {component}`; `rustup component add rustfmt clippy` brings it"
        ));
    }
    let mut command = project::host_cargo()?;
    command.args(args);
    process::run(&mut command, cargo::LIMIT)?.success()?;
    Ok(())
}
