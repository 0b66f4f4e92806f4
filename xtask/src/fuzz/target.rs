//! One fuzz target: its build, its corpora, its runs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process::{self, Output};
use crate::project;
use crate::setup;

/// Where targets are built, and keep what they find, below the project's root.
const DIR: &str = "target/fuzz";

/// What the compiler is to add: counters for edges, and a look at what is compared, as libFuzzer reads them. Any rustc
/// knows these flags.
const FLAGS: &str = "--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

/// How long a build may take, and what ends by itself.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// The most that one input may take: seconds and MiB.
const BOUNDS: [&str; 2] = ["-timeout=10", "-rss_limit_mb=2048"];

/// Lines of a target's last words that are told.
const LAST_WORDS: usize = 30;

/// A fuzz target.
#[derive(Clone, Debug)]
pub struct Target {
    /// The project's root.
    pub root: PathBuf,
    /// The directory of the crate that it tests.
    pub package: String,
    /// Its own name.
    pub binary: String,
}

/// Every target of every package `*/fuzz`, by name.
///
/// # Errors
/// When cargo does not understand a package.
pub fn all(root: &Path) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for entry in std::fs::read_dir(root)? {
        let dir = entry?.path();
        let manifest = dir.join("fuzz/Cargo.toml");
        let Some(package) = dir.file_name().filter(|_| manifest.is_file()) else {
            continue;
        };
        let mut cargo = project::host_cargo()?;
        cargo.args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--manifest-path",
        ]);
        let output = process::run(cargo.arg(&manifest), LIMIT)?.success()?;
        let metadata: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("cargo's description of {}", manifest.display()))?;
        targets.extend(binaries(&metadata).map(|binary| Target {
            root: root.to_owned(),
            package: package.to_string_lossy().into_owned(),
            binary,
        }));
    }
    targets.sort_by_key(Target::name);
    Ok(targets)
}

/// The binaries in what `cargo metadata` says.
fn binaries(metadata: &Value) -> impl Iterator<Item = String> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let targets = packages.flat_map(|package| package["targets"].as_array().into_iter().flatten());
    targets
        .filter(|target| target["kind"] == serde_json::json!(["bin"]))
        .filter_map(|target| Some(target["name"].as_str()?.to_owned()))
}

impl Target {
    /// Crate and target: `uio-core/object`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.package, self.binary)
    }

    /// The corpus that is kept with the sources.
    pub fn kept(&self) -> PathBuf {
        let fuzz = self.root.join(&self.package).join("fuzz");
        fuzz.join("corpus").join(&self.binary)
    }

    /// A directory for what the target finds, made if need be.
    fn dir(&self, what: &str) -> Result<PathBuf> {
        let dir = self.root.join(DIR).join(what).join(self.name());
        std::fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
        Ok(dir)
    }

    /// Builds the target; returns its program.
    ///
    /// # Errors
    /// With what the compiler said.
    pub fn build(&self) -> Result<PathBuf> {
        ensure!(
            setup::is_there("c++"),
            "libFuzzer is C++, and there is no compiler `c++`; `apt install g++`"
        );
        let host = host()?;
        let mut cargo = project::host_cargo()?;
        // With a target named, the flags are not for build scripts.
        cargo
            .args([
                "build",
                "--release",
                "--bin",
                &self.binary,
                "--target",
                &host,
            ])
            .args(["--target-dir", DIR, "--manifest-path"])
            .arg(self.root.join(&self.package).join("fuzz/Cargo.toml"))
            .env("RUSTFLAGS", FLAGS)
            .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true")
            .env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true");
        process::run(&mut cargo, LIMIT)?.success()?;
        let built = self.root.join(DIR).join(host).join("release");
        Ok(built.join(&self.binary))
    }

    /// Fuzzes for so long. Gives how many inputs there were, or why one broke the contract.
    ///
    /// # Errors
    /// When the program cannot be started or does not end.
    pub fn fuzz(&self, program: &Path, time: Duration) -> Result<Result<String, String>> {
        let found = self.dir("found")?;
        let seconds = time.as_secs().max(1);
        let mut command = Command::new(program);
        command
            .args(BOUNDS)
            .arg(format!("-max_total_time={seconds}"))
            .arg("-print_final_stats=1")
            .arg(format!("-artifact_prefix={}/", found.display()))
            .arg(self.dir("corpus")?);
        if self.kept().is_dir() {
            command.arg(self.kept());
        }
        let output = process::run(&mut command, time + LIMIT)?;
        Ok(verdict(&output).map_err(|why| {
            format!(
                "{why}\nThe input is in {}; again: cargo xtask fuzz {} --input PATH",
                found.display(),
                self.name()
            )
        }))
    }

    /// Tries one input.
    ///
    /// # Errors
    /// With what the program said, if the input breaks the contract.
    pub fn one(&self, program: &Path, input: &Path) -> Result<String> {
        ensure!(input.is_file(), "there is no file {}", input.display());
        let mut command = Command::new(program);
        let output = process::run(command.args(BOUNDS).arg(input), LIMIT)?;
        Ok(output.success()?.complaint())
    }

    /// Minimises all inputs that are known into the corpus that is kept; returns how many it has.
    ///
    /// # Errors
    /// When the program or the file system fails.
    pub fn keep(&self, program: &Path) -> Result<usize> {
        let fresh = self.dir("kept")?;
        std::fs::remove_dir_all(&fresh)?;
        std::fs::create_dir_all(&fresh)?;
        let mut command = Command::new(program);
        command
            .args(["-merge=1", "-set_cover_merge=1", "-use_counters=0"])
            .arg(&fresh)
            .arg(self.dir("corpus")?);
        let kept = self.kept();
        if kept.is_dir() {
            command.arg(&kept);
        }
        process::run(&mut command, LIMIT)?.success()?;
        if kept.is_dir() {
            std::fs::remove_dir_all(&kept)?;
        }
        std::fs::create_dir_all(&kept)?;
        let mut count = 0;
        for file in std::fs::read_dir(&fresh)? {
            let file = file?;
            std::fs::copy(file.path(), kept.join(file.file_name()))?;
            count += 1;
        }
        Ok(count)
    }
}

/// How many inputs a run had, or its last words.
fn verdict(output: &Output) -> Result<String, String> {
    let said = output.complaint();
    if output.status == 0 {
        let inputs = said
            .lines()
            .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
        return Ok(inputs.unwrap_or("no").trim().to_owned());
    }
    let lines: Vec<&str> = said.lines().collect();
    let from = lines
        .iter()
        .position(|line| line.contains("panicked at") || line.contains("ERROR: libFuzzer"))
        .unwrap_or(lines.len().saturating_sub(LAST_WORDS));
    let last = lines.get(from..).unwrap_or_default();
    Err(last[..last.len().min(LAST_WORDS)].join("\n"))
}

/// The machine that the compiler builds for by itself.
fn host() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = process::run(Command::new(rustc).arg("-vV"), LIMIT)?.success()?;
    let text = output.text();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .context("rustc -vV does not say what it builds for")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(status: i32, said: &str) -> Output {
        Output {
            status,
            stdout: Vec::new(),
            stderr: said.as_bytes().to_vec(),
            took: Duration::ZERO,
            line: String::new(),
        }
    }

    #[test]
    fn verdicts_are_what_libfuzzer_says() {
        let good = "#2 INITED\nstat::number_of_executed_units: 4711\nstat::peak: 1\n";
        assert_eq!(verdict(&output(0, good)), Ok("4711".to_owned()));
        let bad = "#2 INITED\nthread panicked at a.rs:1\nassertion failed\n";
        let expected = "thread panicked at a.rs:1\nassertion failed";
        assert_eq!(verdict(&output(77, bad)), Err(expected.to_owned()));
    }

    #[test]
    fn only_binaries_are_targets() {
        let metadata = serde_json::json!({"packages": [{"targets": [
            {"kind": ["lib"], "name": "a"},
            {"kind": ["bin"], "name": "b"},
        ]}]});
        assert_eq!(binaries(&metadata).collect::<Vec<_>>(), ["b"]);
    }
}
