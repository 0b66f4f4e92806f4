//! Sessions that were recorded on a VM (`uio exec --record`), replayed without one: what is printed
//! for them must stay what it was.
//!
//! `tests/recordings/NAME.rec` begins with a comment that is the command line; `NAME.out` has exit
//! status, standard output and standard error of both formats. `UPDATE=1 cargo test` writes those
//! anew.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs `uio` on a recording in one format and describes what came of it.
fn outcome(recording: &Path, argv: &str, format: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_uio"))
        .args(["exec", "--output", format, "--replay"])
        .arg(recording)
        .arg("--")
        .args(argv.split_whitespace())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let mut text = String::new();
    let status = output.status.code().unwrap();
    write!(
        text,
        "== {format}: exit status {status}\n{}== standard error\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
    .unwrap();
    text
}

#[test]
fn recordings_print_what_they_always_did() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let mut count = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rec") {
            continue;
        }
        count += 1;
        let recording = fs::read_to_string(&path).unwrap();
        let argv = recording.lines().next().unwrap().trim_start_matches("# ");
        let got = outcome(&path, argv, "text") + &outcome(&path, argv, "json");
        let golden = path.with_extension("out");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&golden, got).unwrap();
            continue;
        }
        let expected = fs::read_to_string(&golden).unwrap();
        assert_eq!(got, expected, "{}", path.display());
    }
    assert!(count >= 10, "only {count} recordings were found");
}

#[test]
fn what_is_no_recording_is_refused() {
    let path = std::env::temp_dir().join(format!("uio-no-recording-{}", std::process::id()));
    for text in ["< 1", "* 00", "<00", "< zz"] {
        fs::write(&path, text).unwrap();
        let got = outcome(&path, "ps", "text");
        assert!(got.contains("line 1 is not of a recording"), "{got}");
    }
    // One that ends before the guest has answered.
    fs::write(&path, "# nothing\n").unwrap();
    let got = outcome(&path, "ps", "text");
    assert!(got.contains("exit status 4"), "{got}");
    fs::remove_file(&path).unwrap();
}
