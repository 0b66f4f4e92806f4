//! From nothing to an object that a guest loads.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

/// A directory to work in; removed when dropped.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("uio-cli-programs-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir(&dir).unwrap();
        Self(dir)
    }

    fn uio(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_uio"))
            .current_dir(&self.0)
            .args(args)
            .output()
            .unwrap()
    }

    /// What a command prints as JSON; `None` if this machine lacks a compiler.
    fn json(&self, args: &[&str]) -> Option<Value> {
        let output = self.uio(&[&["--output", "json"], args].concat());
        let words = String::from_utf8_lossy(&output.stderr);
        if words.contains("no C compiler") || words.contains("rustup.rs") {
            println!("skipped: {words}");
            return None;
        }
        assert!(output.status.success(), "{args:?}: {words}");
        Some(serde_json::from_slice(&output.stdout).unwrap())
    }

    fn is_object(&self, path: &str) -> bool {
        fs::read(self.0.join(path)).is_ok_and(|bytes| bytes.starts_with(b"\x7fELF"))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_new_program_in_c_compiles() {
    let place = Place::new();
    let made = place.json(&["new-program", "tools/greet"]).unwrap();
    assert_eq!(made["source"], "tools/greet/greet.c");
    let Some(summary) = place.json(&["cc", "tools/greet/greet.c"]) else {
        return;
    };
    assert_eq!(
        (&summary["object"], &summary["warnings"]),
        (&"greet.o".into(), &"".into())
    );
    assert!(place.is_object("greet.o"));
    let with_debug = place
        .json(&["cc", "--debug", "tools/greet/greet.c"])
        .unwrap();
    assert!(with_debug["bytes"].as_u64() > summary["bytes"].as_u64());
    let readme = fs::read_to_string(place.0.join("tools/greet/README.md")).unwrap();
    assert!(
        readme.starts_with("# greet\n") && !readme.contains('@'),
        "{readme}"
    );
}

#[test]
fn a_new_program_in_rust_compiles_and_passes_its_tests() {
    let place = Place::new();
    place
        .json(&["new-program", "--lang", "rust", "greet"])
        .unwrap();
    let Some(summary) = place.json(&["cc", "greet"]) else {
        return;
    };
    assert_eq!(
        (&summary["object"], &summary["warnings"]),
        (&"greet.o".into(), &"".into())
    );
    assert!(place.is_object("greet.o"));
    let dir = place.0.join("greet");
    let mut test = Command::new("cargo");
    uio_build::command::without_outer_build(&mut test);
    let output = test
        .args(["test", "--offline", "--quiet"])
        .current_dir(&dir)
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && !words.contains("warning"),
        "{words}"
    );

    // A second one uses the crate of the first, and says what it is told to build and where.
    let sdk = dir.join("uio-program");
    place
        .json(&[
            "new-program",
            "--lang",
            "rust",
            "--sdk",
            sdk.to_str().unwrap(),
            "second",
        ])
        .unwrap();
    assert!(!place.0.join("second/uio-program").exists());
    place
        .json(&[
            "cc",
            "second",
            "--target-dir",
            "built",
            "-o",
            "x.o",
            "--",
            "-Copt-level=3",
        ])
        .unwrap();
    assert!(place.is_object("x.o") && !place.0.join("second/target").exists());
}

#[test]
fn nothing_is_overwritten() {
    let place = Place::new();
    place.json(&["new-program", "hello"]).unwrap();
    let before = fs::read(place.0.join("hello/hello.c")).unwrap();
    let again = place.uio(&["new-program", "hello", "--lang", "rust"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("is there already"));
    assert_eq!(fs::read(place.0.join("hello/hello.c")).unwrap(), before);
    assert!(!Path::new(&place.0.join("hello/src")).exists());
    let none = place.uio(&["new-program", "x", "--lang", "rust", "--sdk", "hello"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(!place.0.join("x").exists());
}
