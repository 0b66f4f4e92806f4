//! Tier `host`: the tests that need no guest.

use anyhow::Result;

use super::report::Report;
use super::{OUTSIDE, cargo};
use crate::project;

/// Runs all of them.
///
/// # Errors
/// When the project's root has gone.
pub fn run(report: &mut Report) -> Result<()> {
    let mut workspace = project::host_cargo()?;
    workspace.args(["test", "--workspace", "--all-features", "--no-fail-fast"]);
    cargo::test(report, "tests of the workspace", workspace);
    for package in [
        "uio-loader",
        "demos/web",
        "demos/fs",
        "demos/programs/report",
    ] {
        let mut test = project::host_cargo()?;
        test.args([
            "test",
            "--locked",
            "--no-fail-fast",
            "--target-dir",
            OUTSIDE,
        ]);
        test.args(["--manifest-path", &format!("{package}/Cargo.toml")]);
        cargo::test(report, &format!("tests of {package}"), test);
    }
    let mut bare = project::host_cargo()?;
    bare.args([
        "test",
        "--locked",
        "--no-fail-fast",
        "--target-dir",
        OUTSIDE,
    ]);
    bare.args([
        "--manifest-path",
        "demos/web/Cargo.toml",
        "--no-default-features",
    ]);
    cargo::test(report, "tests of demos/web without the overlay", bare);
    Ok(())
}
