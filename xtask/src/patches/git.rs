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

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "Description: d\nOrigin: vendor\nLast-Update: 2001-01-01\n";

    /// An empty project with an empty series, and a repository with a pristine file.
    fn project(name: &str) -> (std::path::PathBuf, std::path::PathBuf, Tree) {
        let root = std::env::temp_dir().join(format!("xtask-{}-{name}", std::process::id()));
        let patches = root
            .join("patches")
            .join(format!("{}-{}", source::PACKAGE, source::VERSION));
        fs::create_dir_all(&patches).unwrap();
        fs::write(patches.join("series"), "0009-gone.patch\n").unwrap();
        fs::write(
            patches.join("0009-gone.patch"),
            "--- a/a.rs\n+++ b/a.rs\n@@ -1 +1 @@\n-x\n+y\n",
        )
        .unwrap();
        let dir = root.join("tree");
        fs::create_dir_all(&dir).unwrap();
        git(&dir, &["init", "--quiet"]).unwrap();
        let mut tree = Tree::default();
        tree.insert("a.rs", "one\ntwo\nthree\n");
        commit(&dir, &tree, PRISTINE, "").unwrap();
        (root, dir, tree)
    }

    #[test]
    fn commits_become_patches_that_give_the_commits_again() {
        let (root, dir, pristine) = project("round-trip");
        let mut tree = pristine.clone();
        tree.insert("a.rs", "one\n2\nthree\n");
        commit(&dir, &tree, "0001-two.patch", HEADER).unwrap();
        tree.insert("a.rs", "one\n2\n3\n");
        commit(&dir, &tree, "0002-three.patch", HEADER).unwrap();
        refresh(&root, &dir).unwrap();

        let series = Series::of_project(&root).unwrap();
        let names: Vec<_> = series
            .patches()
            .iter()
            .map(|patch| patch.name.as_str())
            .collect();
        assert_eq!(names, ["0001-two.patch", "0002-three.patch"]);
        assert!(!series.dir().join("0009-gone.patch").exists());
        let mut again = pristine;
        series.apply(&mut again).unwrap();
        assert_eq!(again, tree);
        let date = series.patches()[0].field("Last-Update").unwrap();
        assert_ne!(date, "2001-01-01");

        // Only the date would differ: the file stays.
        let path = series.dir().join("0001-two.patch");
        let dated = fs::read_to_string(&path)
            .unwrap()
            .replace(&date, "2002-02-02");
        fs::write(&path, &dated).unwrap();
        refresh(&root, &dir).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), dated);
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn foreign_and_dirty_repositories_are_refused() {
        let (root, dir, mut tree) = project("refused");
        tree.insert("a.rs", "changed\n");
        tree.write(&dir).unwrap();
        let dirty = refresh(&root, &dir).unwrap_err().to_string();
        assert!(dirty.contains("not committed"), "{dirty}");
        commit(&dir, &tree, "fix something", "").unwrap();
        let subject = refresh(&root, &dir).unwrap_err().to_string();
        assert!(subject.contains("`fix something`"), "{subject}");
        fs::remove_dir_all(root).unwrap();
    }
}
