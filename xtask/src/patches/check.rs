//! `cargo xtask patches check`.
//!
//! Every check prints one line, `ok` or `FAILED` with the reason; the last line counts both.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use uio_build::kernel::{self, Config};
use uio_build::patch::Patch;
use uio_build::series::Series;
use uio_build::source;
use uio_build::toolchain::Toolchain;
use uio_build::tree::Tree;

/// Most lines a patch may add and remove.
const PATCH_LIMIT: usize = 60;
/// Most lines all patches together may add and remove.
const SERIES_LIMIT: usize = 200;
/// DEP-3 header fields that every patch has.
const FIELDS: [&str; 5] = [
    "Description",
    "Origin",
    "Forwarded",
    "Last-Update",
    "Upstream-Status",
];

/// Features that exist for other machines or other C libraries; upstream does not build them for this target.
const FOREIGN: [&str; 4] = ["default", "newlib", "nostd", "semihosting"];
/// Features of the usual server application.
const SERVER: [&str; 10] = [
    "acpi", "dhcpv4", "dns", "fs", "fsgsbase", "pci", "pci-ids", "smp", "tcp", "udp",
];
/// Features whose machine code is built alone as well, not only type-checked.
const BUILT_ALONE: [&str; 8] = [
    "acpi", "dhcpv4", "fs", "fsgsbase", "pci", "smp", "tcp", "udp",
];

/// Counts checks and prints them.
#[derive(Default)]
struct Report {
    passed: usize,
    failed: usize,
}

impl Report {
    /// Prints and counts one check. Returns whether it passed.
    fn add<E: Display>(&mut self, what: &str, result: Result<String, E>) -> bool {
        match &result {
            Ok(remark) if remark.is_empty() => println!("ok      {what}"),
            Ok(remark) => println!("ok      {what}: {remark}"),
            Err(reason) => println!("FAILED  {what}: {reason}"),
        }
        *(if result.is_ok() {
            &mut self.passed
        } else {
            &mut self.failed
        }) += 1;
        result.is_ok()
    }

    fn finish(&self) -> ExitCode {
        println!("{} passed, {} failed", self.passed, self.failed);
        if self.failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

/// Runs all checks.
///
/// # Errors
/// When the series, the kernel's source or a toolchain cannot be found at all.
pub fn run(root: &Path, build: bool) -> Result<ExitCode> {
    let mut report = Report::default();
    let series = Series::of_project(root)?;
    for patch in series.patches() {
        report.add(&patch.name, check_form(patch));
    }
    report.add("all patches together", check_total(&series));

    let toolchain = Toolchain::find()?;
    println!("        toolchain: {toolchain}");
    let builder = Builder {
        root,
        toolchain: &toolchain,
        series: &series,
        work: super::work(root),
    };
    let mut tree = Tree::load(&source::find(&toolchain, root)?)?;
    let last = series.patches().len().saturating_sub(1);
    for (index, patch) in series.patches().iter().enumerate() {
        let applied = patch.apply(&mut tree).map(|()| String::new());
        if !report.add(&format!("{} applies", patch.name), applied) {
            return Ok(report.finish());
        }
        if build && index != last {
            builder.check_step(&mut report, &patch.name, &tree)?;
        }
    }
    if build {
        builder.check_result(&mut report, &tree)?;
    }
    Ok(report.finish())
}

/// Header fields, size and indentation of one patch.
fn check_form(patch: &Patch) -> Result<String, String> {
    let missing: Vec<&str> = FIELDS
        .into_iter()
        .filter(|field| patch.field(field).is_none())
        .collect();
    if !missing.is_empty() {
        return Err(format!("header fields are missing: {}", missing.join(", ")));
    }
    let date = patch.field("Last-Update").unwrap_or_default();
    if !is_date(&date) {
        return Err(format!("Last-Update is `{date}`, not YYYY-MM-DD"));
    }
    if let Some(line) = patch.rust_line_indented_by_spaces() {
        return Err(format!(
            "the kernel is indented with tabs, this line is not: `{line}`"
        ));
    }
    let lines = patch.changed_lines().map_err(|error| error.to_string())?;
    if lines > PATCH_LIMIT {
        return Err(format!(
            "it changes {lines} lines, {PATCH_LIMIT} are allowed"
        ));
    }
    Ok(format!("{lines} of {PATCH_LIMIT} lines"))
}

fn check_total(series: &Series) -> Result<String, String> {
    let mut lines = 0;
    for patch in series.patches() {
        lines += patch.changed_lines().map_err(|error| error.to_string())?;
    }
    let text = format!("{lines} of {SERIES_LIMIT} lines");
    if lines > SERIES_LIMIT {
        Err(text)
    } else {
        Ok(text)
    }
}

/// Whether this is a date in ISO 8601's extended format.
fn is_date(text: &str) -> bool {
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    shape == "0000-00-00"
}

/// Builds states of the patched kernel.
struct Builder<'a> {
    root: &'a Path,
    toolchain: &'a Toolchain,
    series: &'a Series,
    work: PathBuf,
}

impl Builder<'_> {
    /// Type-checks the kernel after one patch, with the overlay's features off, and on as far as they exist yet.
    fn check_step(&self, report: &mut Report, patch: &str, tree: &Tree) -> Result<()> {
        let copy = self.write(tree)?;
        let overlay = overlay_features(tree);
        // Upstream's build script assembles the code that starts further processors with rustup's llvm-tools.
        let assembles = has_build_script(tree);
        let server: Vec<&str> = SERVER
            .iter()
            .copied()
            .filter(|feature| !(assembles && *feature == "smp"))
            .collect();
        let remark = if assembles {
            " (but smp, which needs llvm-tools here)"
        } else {
            ""
        };
        self.cargo(
            report,
            &format!("{patch}, features off{remark}"),
            &copy,
            "check",
            &server,
            false,
        );
        // The hooks call the overlay, which the last patch starts.
        if !overlay.is_empty() && has_overlay(tree) {
            let on: Vec<&str> = server
                .iter()
                .copied()
                .chain(overlay.iter().map(String::as_str))
                .collect();
            self.cargo(
                report,
                &format!("{patch}, features on{remark}"),
                &copy,
                "check",
                &on,
                false,
            );
        }
        Ok(())
    }

    /// Builds the whole series: lock file, off and on, every feature alone.
    fn check_result(&self, report: &mut Report, tree: &Tree) -> Result<()> {
        let copy = self.write(tree)?;
        report.add("Cargo.lock is up to date", self.check_lock(&copy));
        let overlay = overlay_features(tree);
        let on: Vec<&str> = SERVER
            .iter()
            .copied()
            .chain(overlay.iter().map(String::as_str))
            .collect();
        self.cargo(
            report,
            "release build, no features",
            &copy,
            "build",
            &[],
            true,
        );
        self.cargo(
            report,
            "release build, server features",
            &copy,
            "build",
            &SERVER,
            true,
        );
        self.cargo(
            report,
            "release build, server and overlay",
            &copy,
            "build",
            &on,
            true,
        );
        for feature in features(tree)
            .iter()
            .filter(|feature| !FOREIGN.contains(&feature.as_str()))
        {
            let alone = BUILT_ALONE.contains(&feature.as_str()) || overlay.contains(feature);
            let subcommand = if alone { "build" } else { "check" };
            self.cargo(
                report,
                &format!("{subcommand}, {feature} alone"),
                &copy,
                subcommand,
                &[feature],
                false,
            );
        }
        Ok(())
    }

    /// Writes a state of the tree, complete with overlay and lock file.
    fn write(&self, tree: &Tree) -> Result<PathBuf> {
        let mut complete = tree.clone();
        self.series.finish(&mut complete, self.root)?;
        let copy = self.work.join("source");
        complete.write(&copy)?;
        Ok(copy)
    }

    fn check_lock(&self, copy: &Path) -> Result<String, String> {
        match kernel::lock_is_current(self.toolchain, copy) {
            Ok(true) => Ok(String::new()),
            Ok(false) => Err("it is not; run `cargo xtask patches lock`".into()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn cargo(
        &self,
        report: &mut Report,
        what: &str,
        copy: &Path,
        subcommand: &str,
        features: &[&str],
        release: bool,
    ) {
        let config = Config {
            toolchain: self.toolchain,
            root: self.root.to_path_buf(),
            work: self.work.clone(),
            out: self.work.clone(),
            features: features.iter().map(ToString::to_string).collect(),
            release,
            instrument: false,
            randomize_layout: false,
            sites: false,
        };
        let result = kernel::run(kernel::cargo(&config, subcommand, copy));
        report.add(
            what,
            result
                .map_err(|error| error.to_string())
                .and_then(|(messages, _)| {
                    let warnings = messages.warnings_below("src/uio/");
                    if warnings.is_empty() {
                        Ok(String::new())
                    } else {
                        Err(format!("the overlay has warnings\n{}", warnings.concat()))
                    }
                }),
        );
    }
}

/// Whether the manifest names a build script.
fn has_build_script(tree: &Tree) -> bool {
    let manifest = String::from_utf8_lossy(tree.get("Cargo.toml").unwrap_or_default());
    manifest.lines().any(|line| line == "build = \"build.rs\"")
}

/// The names in the manifest's `[features]`.
fn features(tree: &Tree) -> Vec<String> {
    let manifest = String::from_utf8_lossy(tree.get("Cargo.toml").unwrap_or_default()).into_owned();
    let section = manifest
        .lines()
        .skip_while(|line| *line != "[features]")
        .skip(1);
    let section = section.take_while(|line| !line.starts_with('['));
    let keys = section
        .filter_map(|line| line.split_once(" = "))
        .map(|(key, _)| key);
    keys.filter(|key| !key.starts_with(' '))
        .map(str::to_owned)
        .collect()
}

/// Whether the kernel has the overlay as a module, which is what its hooks call.
fn has_overlay(tree: &Tree) -> bool {
    let source = tree.get("src/lib.rs").unwrap_or_default();
    String::from_utf8_lossy(source).contains("mod uio;")
}

/// The overlay's features that the manifest has.
fn overlay_features(tree: &Tree) -> Vec<String> {
    features(tree)
        .into_iter()
        .filter(|feature| feature.starts_with("uio"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(header: &str, added: usize, indent: &str) -> Patch {
        let lines: String = (0..added)
            .map(|line| format!("+{indent}line {line}\n"))
            .collect();
        let diff = format!(
            "--- a/src/a.rs\n+++ b/src/a.rs\n@@ -1 +1,{} @@\n first\n{lines}",
            added + 1
        );
        Patch::new("p", format!("{header}\n{diff}"))
    }

    const HEADER: &str = "Description: d\nOrigin: vendor\nForwarded: no\nLast-Update: 2026-01-02\nUpstream-Status: Pending\n";

    #[test]
    fn a_good_patch_passes() {
        assert_eq!(
            check_form(&patch(HEADER, 60, "\t")),
            Ok("60 of 60 lines".into())
        );
    }

    #[test]
    fn every_fault_of_form_is_named() {
        let long = check_form(&patch(HEADER, 61, "")).unwrap_err();
        assert!(long.contains("61 lines"), "{long}");
        let field = check_form(&patch(&HEADER.replace("Forwarded: no\n", ""), 1, "")).unwrap_err();
        assert!(field.ends_with("Forwarded"), "{field}");
        let date = check_form(&patch(&HEADER.replace("2026-01-02", "2 Jan"), 1, "")).unwrap_err();
        assert!(date.contains("2 Jan"), "{date}");
        let spaces = check_form(&patch(HEADER, 1, "    ")).unwrap_err();
        assert!(spaces.contains("tabs"), "{spaces}");
    }

    #[test]
    fn features_are_read_from_the_manifest() {
        let mut tree = Tree::default();
        tree.insert(
            "Cargo.toml",
            "[package]\nname = \"x\"\n[features]\na = []\nuio = [\n    \"a\",\n]\nz = [\"a\"]\n[dependencies.y]\nversion = \"1\"\n",
        );
        assert_eq!(features(&tree), ["a", "uio", "z"]);
        assert!(!has_build_script(&tree));
        assert_eq!(overlay_features(&tree), ["uio"]);
    }
}
