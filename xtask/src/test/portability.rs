//! Tier `portability`: the overlay's crates build for another architecture, and contain no kernel.

use std::process::Command;

use anyhow::{Result, ensure};
use uio_build::toolchain::Toolchain;

use super::cargo::LIMIT;
use super::report::Report;
use crate::process;
use crate::project;

/// A machine without anything in common with the guest's but 64 bits.
const TARGET: &str = "aarch64-unknown-none";

/// The crates of the overlay, with the features that the kernel switches on.
const CRATES: [(&str, &str); 3] = [
    ("uio-core", ""),
    ("uio-console", "driver"),
    ("uio-9p", "driver"),
];

/// Crates that applications and kernel take in.
const ADD_ONS: [&str; 4] = ["uio-core", "uio-console", "uio-9p", "uio-app"];

/// Packages whose names begin so are the kernel, or belong to it.
const KERNEL: &str = "hermit";

/// Words that only occur where a machine is assumed. (`target_arch` is none of them: relocations have their kinds by machine.)
const MACHINE: [&str; 5] = [
    "asm!(",
    "global_asm!",
    "core::arch",
    "std::arch",
    "x86_64::",
];

/// Runs all checks.
///
/// # Errors
/// When no toolchain is found.
pub fn run(report: &mut Report) -> Result<()> {
    let toolchain = Toolchain::find()?;
    for (name, features) in CRATES {
        report.check(&format!("{name} builds for {TARGET}"), || {
            let mut cargo = toolchain.cargo();
            cargo.current_dir(project::root()?);
            cargo.args(["build", "--locked", "--package", name, "--target", TARGET]);
            cargo.args([
                "-Zbuild-std=core,alloc",
                "--target-dir",
                "target/portability",
            ]);
            if !features.is_empty() {
                cargo.args(["--features", features]);
            }
            process::run(&mut cargo, LIMIT)?.success()
        });
        report.check(&format!("{name} names no machine"), || {
            names_no_machine(name)
        });
    }
    for name in ADD_ONS {
        report.check(&format!("{name} contains no kernel"), || {
            let mut cargo = project::host_cargo()?;
            contains_no_kernel(name, &mut cargo)
        });
    }
    Ok(())
}

fn contains_no_kernel(name: &str, cargo: &mut Command) -> Result<()> {
    cargo.args([
        "tree",
        "--locked",
        "--all-features",
        "--edges",
        "normal,build",
    ]);
    cargo.args(["--prefix", "none", "--format", "{p}", "--package", name]);
    let tree = process::run(cargo, LIMIT)?.success()?.text();
    ensure!(tree.starts_with(name), "`cargo tree` printed: {tree}");
    let kernel: Vec<&str> = tree
        .lines()
        .filter(|line| line.starts_with(KERNEL))
        .collect();
    ensure!(kernel.is_empty(), "it depends on {}", kernel.join(", "));
    Ok(())
}

/// Looks through the sources of a crate, tests left out.
fn names_no_machine(name: &str) -> Result<()> {
    let mut dirs = vec![project::root()?.join(name).join("src")];
    let mut files = 0;
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir)? {
            let path = entry?.path();
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            files += 1;
            let text = std::fs::read_to_string(&path)?;
            for line in text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
            {
                let word = MACHINE.into_iter().find(|word| line.contains(word));
                ensure!(word.is_none(), "{}: {}", path.display(), line.trim());
            }
        }
    }
    ensure!(files > 0, "{name} has no sources");
    Ok(())
}
