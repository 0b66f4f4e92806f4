//! `cargo xtask patches tree` and `refresh`: patches as commits, and back.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Result, bail, ensure};
use uio_build::command::{capture, without_outer_build};
use uio_build::patch::Patch;
use uio_build::series::Series;
use uio_build::source;
use uio_build::toolchain::Toolchain;
use uio_build::tree::Tree;

/// Subject of the commit that holds the unpatched source.
const PRISTINE: &str = "pristine";

/// Writes the kernel to `dir` as a git repository: the unpatched source, then one commit a patch, whose subject is
/// the patch's file name and whose body is its header.
///
/// # Errors
/// When `dir` exists, git is missing, or a patch does not apply.
pub fn write(root: &Path, dir: &Path) -> Result<ExitCode> {
    ensure!(
        !dir.exists(),
        "{} exists; name a directory to create",
        dir.display()
    );
    let mut tree = Tree::load(&source::find(&Toolchain::find()?, root)?)?;
    let series = Series::of_project(root)?;
    fs::create_dir_all(dir)?;
    git(dir, &["init", "--quiet"])?;
    commit(dir, &tree, PRISTINE, "")?;
    for patch in series.patches() {
        patch.apply(&mut tree)?;
        commit(dir, &tree, &patch.name, patch.header())?;
    }
    println!(
        "{} holds the kernel with {} patches as commits.",
        dir.display(),
        series.patches().len()
    );
    println!(
        "Amend or add commits (subject: the patch's file name, body: its DEP-3 header), then run"
    );
    println!("  cargo xtask patches refresh {}", dir.display());
    Ok(ExitCode::SUCCESS)
}

/// Writes each commit after the first as a patch, and `series`. Patch files that no commit names any more are removed.
///
/// # Errors
/// When `dir` is not such a repository, or has changes that are not committed.
pub fn refresh(root: &Path, dir: &Path) -> Result<ExitCode> {
    ensure!(
        git(dir, &["status", "--porcelain"])?.is_empty(),
        "{} has changes that are not committed",
        dir.display()
    );
    let series = Series::of_project(root)?;
    let log = git(dir, &["log", "--reverse", "--format=%H %s"])?;
    let mut commits = log.lines().filter_map(|line| line.split_once(' '));
    let pristine = commits
        .next()
        .is_some_and(|(_, subject)| subject == PRISTINE);
    ensure!(
        pristine,
        "{} was not written by `cargo xtask patches tree`",
        dir.display()
    );

    let mut names = Vec::new();
    for (commit, name) in commits {
        if !name.ends_with(".patch") || name.contains('/') {
            bail!("the subject of commit {commit} is `{name}`, not the file name of a patch");
        }
        let text = patch_text(dir, commit)?;
        let path = series.dir().join(name);
        let old = series.patches().iter().find(|old| old.name == name);
        if old.is_none_or(|old| !same_change(old, &Patch::new(name, text.as_str()))) {
            fs::write(&path, text)?;
            println!("wrote {}", path.display());
        }
        names.push(name.to_owned());
    }
    fs::write(series.dir().join("series"), names.join("\n") + "\n")?;
    for gone in series
        .patches()
        .iter()
        .filter(|patch| !names.contains(&patch.name))
    {
        fs::remove_file(series.dir().join(&gone.name))?;
        println!("removed {}", gone.name);
    }
    Ok(ExitCode::SUCCESS)
}

/// Header and diff of one commit. `Last-Update` becomes the commit's date.
fn patch_text(dir: &Path, commit: &str) -> Result<String> {
    let body = git(dir, &["show", "--no-patch", "--format=%b", commit])?;
    let date = git(dir, &["show", "--no-patch", "--format=%cs", commit])?;
    let mut text = String::new();
    for line in body.trim_end().lines() {
        if line.starts_with("Last-Update:") {
            text.push_str(&format!("Last-Update: {}", date.trim()));
        } else {
            text.push_str(line);
        }
        text.push('\n');
    }
    text.push('\n');
    let diff = git(
        dir,
        &[
            "diff",
            "--no-color",
            "--no-ext-diff",
            "--no-renames",
            &format!("{commit}~"),
            commit,
        ],
    )?;
    // Git's own lines carry hashes of whole files, which change without need.
    for line in diff
        .lines()
        .filter(|line| !line.starts_with("diff --git ") && !line.starts_with("index "))
    {
        text.push_str(line);
        text.push('\n');
    }
    Ok(text)
}

/// Whether two patches differ in nothing but their date.
fn same_change(old: &Patch, new: &Patch) -> bool {
    let undated = |patch: &Patch| -> String {
        let lines = patch
            .text()
            .lines()
            .filter(|line| !line.starts_with("Last-Update:"));
        lines.collect::<Vec<_>>().join("\n")
    };
    undated(old) == undated(new)
}

fn commit(dir: &Path, tree: &Tree, subject: &str, body: &str) -> Result<()> {
    tree.write(dir)?;
    git(dir, &["add", "--all", "--force"])?;
    let message = format!("{subject}\n\n{body}");
    let identity = [
        "-c",
        "user.name=patches",
        "-c",
        "user.email=patches@localhost",
        "-c",
        "commit.gpgsign=false",
    ];
    let args = [
        &identity[..],
        &[
            "commit",
            "--quiet",
            "--no-verify",
            "--cleanup=verbatim",
            "-m",
            &message,
        ],
    ]
    .concat();
    git(dir, &args)?;
    Ok(())
}

/// Runs git in `dir` and returns what it printed.
fn git(dir: &Path, args: &[&str]) -> Result<String> {
    let mut git = Command::new("git");
    without_outer_build(&mut git)
        .arg("-C")
        .arg(dir)
        .args(["-c", "core.autocrlf=false"])
        .args(args);
    Ok(String::from_utf8_lossy(&capture(&mut git)?).into_owned())
}
