//! Patches apply exactly or not at all, and say where they do not.

use uio_build::Error;
use uio_build::patch::Patch;
use uio_build::series::Series;
use uio_build::tree::Tree;

const HEADER: &str = "Description: Two hooks\n for the test\nOrigin: vendor\nForwarded:\n\n";

/// A file of numbered lines.
fn numbered(lines: usize) -> String {
    (1..=lines).map(|line| format!("line {line}\n")).collect()
}

fn tree() -> Tree {
    let mut tree = Tree::default();
    tree.insert("src/a.rs", numbered(40));
    tree.insert("src/b.rs", "first\nsecond\nno newline at the end");
    tree
}

/// Two hunks in one file.
fn two_hunks(second_context: &str) -> Patch {
    let diff = format!(
        "--- a/src/a.rs\n+++ b/src/a.rs\n@@ -3,3 +3,4 @@ fn context\n line 3\n-line 4\n+line four\n+line 4b\n line 5\n\
         @@ -20,3 +21,2 @@\n {second_context}\n-line 21\n line 22\n"
    );
    Patch::new("0001-two.patch", format!("{HEADER}{diff}"))
}

#[test]
fn hunks_apply() {
    let mut tree = tree();
    two_hunks("line 20").apply(&mut tree).unwrap();
    let expected = numbered(40)
        .replace("line 4\n", "line four\nline 4b\n")
        .replace("line 21\n", "");
    assert_eq!(tree.get("src/a.rs"), Some(expected.as_bytes()));
}

#[test]
fn moved_hunks_apply_at_the_nearest_exact_match() {
    let mut tree = Tree::default();
    tree.insert("src/a.rs", format!("{}{}", "new\n".repeat(7), numbered(40)));
    two_hunks("line 20").apply(&mut tree).unwrap();
    let patched = String::from_utf8_lossy(tree.get("src/a.rs").unwrap());
    assert!(
        patched.contains("line 3\nline four\nline 4b\nline 5\n"),
        "{patched}"
    );
    assert!(patched.contains("line 20\nline 22\n"), "{patched}");
}

#[test]
fn a_failing_hunk_names_patch_file_hunk_and_line_and_changes_nothing() {
    let mut patched = tree();
    let error = two_hunks("line twenty").apply(&mut patched).unwrap_err();
    match &error {
        Error::Hunk {
            patch,
            file,
            hunk,
            line,
            ..
        } => {
            assert_eq!(
                (patch.as_str(), file.as_str(), *hunk, *line),
                ("0001-two.patch", "src/a.rs", 2, 20)
            );
        }
        other => panic!("{other}"),
    }
    let text = error.to_string();
    for part in [
        "0001-two.patch",
        "hunk 2 of src/a.rs",
        "`line 20`",
        "`line twenty`",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(patched, tree());
}

#[test]
fn white_space_counts() {
    let mut tree = Tree::default();
    tree.insert("src/a.rs", numbered(40).replace("line 20\n", "line 20 \n"));
    let error = two_hunks("line 20").apply(&mut tree).unwrap_err();
    assert!(matches!(error, Error::Hunk { hunk: 2, .. }), "{error}");
}

#[test]
fn a_file_too_short_is_a_failing_hunk() {
    let mut tree = Tree::default();
    tree.insert("src/a.rs", numbered(6));
    let error = two_hunks("line 20").apply(&mut tree).unwrap_err();
    assert!(matches!(error, Error::Hunk { hunk: 2, .. }), "{error}");
    assert!(error.to_string().contains("ends before"), "{error}");
}

#[test]
fn a_missing_last_newline_is_kept() {
    let mut tree = tree();
    let diff = "--- a/src/b.rs\n+++ b/src/b.rs\n@@ -1,3 +1,3 @@\n-first\n+one\n second\n no newline at the end\n\
                \\ No newline at end of file\n";
    Patch::new("p", diff).apply(&mut tree).unwrap();
    assert_eq!(
        tree.get("src/b.rs"),
        Some(&b"one\nsecond\nno newline at the end"[..])
    );
}

#[test]
fn new_deleted_and_renamed_files_are_refused() {
    let cases = [
        (
            "creates",
            "--- /dev/null\n+++ b/src/new.rs\n@@ -0,0 +1 @@\n+new\n",
        ),
        (
            "deletes",
            "--- a/src/b.rs\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-first\n-second\n",
        ),
        (
            "renames",
            "--- a/src/b.rs\n+++ b/src/c.rs\n@@ -1 +1 @@\n-first\n+one\n",
        ),
        (
            "creates",
            "diff --git a/src/new.rs b/src/new.rs\nnew file mode 100644\n--- /dev/null\n+++ b/src/new.rs\n@@ -0,0 +1 @@\n+new\n",
        ),
    ];
    for (action, diff) in cases {
        let mut patched = tree();
        let error = Patch::new("0002-bad.patch", diff)
            .apply(&mut patched)
            .unwrap_err();
        assert!(
            matches!(&error, Error::PatchAction { action: found, .. } if *found == action),
            "{error}"
        );
        assert!(error.to_string().contains("0002-bad.patch"), "{error}");
        assert_eq!(patched, tree());
    }
}

#[test]
fn unknown_files_and_text_that_is_no_patch_are_refused() {
    let unknown = Patch::new("p", "--- a/src/x.rs\n+++ b/src/x.rs\n@@ -1 +1 @@\n-a\n+b\n");
    assert!(matches!(
        unknown.apply(&mut tree()).unwrap_err(),
        Error::PatchTarget { .. }
    ));
    for text in [
        "",
        HEADER,
        "--- a/src/a.rs\n+++ b/src/a.rs\n@@ nonsense @@\n",
        "--- a/src/a.rs\n+++ b/src/a.rs\n@@ -1,2 +1,2 @@\n line 1\n",
    ] {
        let error = Patch::new("p", text).apply(&mut tree()).unwrap_err();
        assert!(
            matches!(error, Error::PatchSyntax { .. }),
            "{text:?}: {error}"
        );
    }
}

#[test]
fn header_fields_and_changed_lines() {
    let patch = two_hunks("line 20");
    assert_eq!(
        patch.field("Description").as_deref(),
        Some("Two hooks for the test")
    );
    assert_eq!(patch.field("origin").as_deref(), Some("vendor"));
    assert_eq!(patch.field("Forwarded"), None);
    assert_eq!(patch.field("Last-Update"), None);
    assert_eq!(patch.changed_lines().unwrap(), 4);
}

#[test]
fn a_series_applies_in_order_and_lays_the_overlay_on_top() {
    let dir = tempdir("series");
    std::fs::create_dir_all(dir.join("overlay/src/uio")).unwrap();
    std::fs::write(dir.join("overlay/src/uio/mod.rs"), "glue").unwrap();
    std::fs::write(dir.join("series"), "# in order\n\n0001.patch\n0002.patch\n").unwrap();
    std::fs::write(
        dir.join("0001.patch"),
        "--- a/src/b.rs\n+++ b/src/b.rs\n@@ -1 +1 @@\n-first\n+1st\n",
    )
    .unwrap();
    std::fs::write(
        dir.join("0002.patch"),
        "--- a/src/b.rs\n+++ b/src/b.rs\n@@ -1 +1 @@\n-1st\n+#1\n",
    )
    .unwrap();
    std::fs::write(dir.join("Cargo.lock"), "locked").unwrap();

    let series = Series::load(&dir).unwrap();
    let mut patched = tree();
    patched.insert(
        "Cargo.toml",
        "uio-core = { path = \"@UIO_ROOT@/uio-core\" }\n",
    );
    patched.insert("rust-toolchain.toml", "old");
    series.apply(&mut patched).unwrap();
    series.finish(&mut patched, "/somewhere".as_ref()).unwrap();
    assert!(patched.get("src/b.rs").unwrap().starts_with(b"#1\n"));
    assert_eq!(patched.get("src/uio/mod.rs"), Some(&b"glue"[..]));
    assert_eq!(patched.get("Cargo.lock"), Some(&b"locked"[..]));
    assert_eq!(patched.get("rust-toolchain.toml"), None);
    let manifest = b"uio-core = { path = \"/somewhere/uio-core\" }\n\n[workspace]\n";
    assert_eq!(patched.get("Cargo.toml"), Some(&manifest[..]));

    let mut replaced = tree();
    replaced.insert("src/uio/mod.rs", "the kernel's own");
    let error = series
        .finish(&mut replaced, "/somewhere".as_ref())
        .unwrap_err();
    assert!(
        matches!(&error, Error::OverlayReplaces { file } if file == "src/uio/mod.rs"),
        "{error}"
    );
}

#[test]
fn writing_a_tree_touches_only_what_differs() {
    let dir = tempdir("write");
    assert_eq!(tree().write(&dir).unwrap(), 2);
    let before = std::fs::metadata(dir.join("src/a.rs"))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(tree().write(&dir).unwrap(), 0);

    let mut changed = tree();
    changed.insert("src/b.rs", "new");
    std::fs::write(dir.join("src/left-over.rs"), "").unwrap();
    assert_eq!(changed.write(&dir).unwrap(), 2);
    assert_eq!(Tree::load(&dir).unwrap(), changed);
    assert_eq!(
        std::fs::metadata(dir.join("src/a.rs"))
            .unwrap()
            .modified()
            .unwrap(),
        before
    );
}

/// An empty directory of this test's own.
fn tempdir(name: &str) -> std::path::PathBuf {
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}
