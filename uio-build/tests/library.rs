//! Symbols of a real static library, made by the system's compiler, are hidden so that a real linker agrees.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use uio_build::rename;

const FIRST: &str = "
int counter;
static int local(void) { return counter; }
__attribute__((weak)) int weak_one(void) { return 1; }
extern int elsewhere(int);
int helper(int x) { return elsewhere(x) + local() + weak_one(); }
int sys_answer(int x) { return helper(x); }
";
const SECOND: &str = "
extern int counter;
__attribute__((weak)) int weak_one(void) { return 1; }
int elsewhere(int x) { counter++; return 2 * x; }
void *memcpy(void *to, const void *from, unsigned long n) { char *t = to; const char *f = from; while (n--) *t++ = *f++; return to; }
extern int of_the_application(void);
int sys_calls_out(void) { return of_the_application(); }
";
/// Defines a name that the library has too, and uses its entry points.
const APPLICATION: &str = "
int helper = 40;
int of_the_application(void) { return 7; }
int sys_answer(int); int sys_calls_out(void);
int main(void) { return sys_answer(helper) == 82 && sys_calls_out() == 7 && helper == 40 ? 0 : 1; }
";

/// Runs a tool, which has to succeed, and returns what it printed.
fn run(dir: &Path, program: &str, args: &[&str]) -> String {
    let output = Command::new(program)
        .current_dir(dir)
        .args(args)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "{program} {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A library of two objects, one with a name too long for an `ar` header.
fn library(name: &str) -> (PathBuf, Vec<u8>) {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("library")
        .join(name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    for (name, text) in [
        ("a.c", FIRST),
        ("second-object-with-a-long-name.c", SECOND),
        ("app.c", APPLICATION),
    ] {
        fs::write(dir.join(name), text).unwrap();
        run(&dir, "cc", &["-c", "-ffreestanding", "-fno-builtin", name]);
    }
    run(
        &dir,
        "ar",
        &[
            "rcs",
            "library.a",
            "a.o",
            "second-object-with-a-long-name.o",
        ],
    );
    let data = fs::read(dir.join("library.a")).unwrap();
    (dir, data)
}

#[test]
fn defined_globals_are_hidden_and_references_follow() {
    let (dir, data) = library("names");
    fs::write(
        dir.join("hidden.a"),
        rename::hide_symbols("library.a", &data).unwrap(),
    )
    .unwrap();
    let names = run(&dir, "nm", &["hidden.a"]);
    let has = |kind: char, name: &str| {
        names
            .lines()
            .any(|line| line.ends_with(&format!(" {kind} {name}")))
    };
    for (kind, name) in [
        ('T', "hermit.helper"),
        ('T', "hermit.elsewhere"),
        ('U', "hermit.elsewhere"),
        ('U', "hermit.counter"),
        ('W', "hermit.weak_one"),
        ('t', "local"),
        ('T', "sys_answer"),
        ('T', "memcpy"),
        ('U', "of_the_application"),
    ] {
        assert!(has(kind, name), "{kind} {name} is missing in:\n{names}");
    }
    for name in ["helper", "elsewhere", "counter", "weak_one"] {
        assert!(
            !names
                .lines()
                .any(|line| line.ends_with(&format!(" {name}"))),
            "{name} is visible:\n{names}"
        );
    }
}

#[test]
fn a_linker_takes_the_library_and_the_names_no_longer_clash() {
    let (dir, data) = library("link");
    let mut hidden = rename::hide_symbols("library.a", &data).unwrap();
    // Host linkers refuse objects of a standalone system, so put the host's mark back for this test only.
    let marks: Vec<usize> = (0..hidden.len() - 8)
        .filter(|at| hidden[*at..].starts_with(b"\x7fELF\x02\x01\x01\xff"))
        .collect();
    assert_eq!(marks.len(), 2, "objects marked as standalone");
    for mark in marks {
        hidden[mark + 7] = 0;
    }
    fs::write(dir.join("hidden.a"), hidden).unwrap();
    run(&dir, "cc", &["-o", "app", "app.o", "hidden.a"]);
    run(&dir, "./app", &[]);
}

#[test]
fn the_index_leads_to_the_member_that_defines_a_symbol() {
    let (dir, data) = library("index");
    fs::write(
        dir.join("hidden.a"),
        rename::hide_symbols("library.a", &data).unwrap(),
    )
    .unwrap();
    let index = run(&dir, "nm", &["--print-armap", "hidden.a"]);
    for line in [
        "hermit.helper in a.o",
        "sys_answer in a.o",
        "hermit.elsewhere in second-object-with-a-long-name.o",
        "memcpy in second-object-with-a-long-name.o",
    ] {
        assert!(
            index.lines().any(|found| found == line),
            "{line:?} is missing in:\n{index}"
        );
    }
    assert_eq!(
        run(&dir, "ar", &["t", "hidden.a"]),
        "a.o\nsecond-object-with-a-long-name.o\n"
    );
}

#[test]
fn equal_input_gives_equal_bytes() {
    let (_, data) = library("equal");
    assert_eq!(
        rename::hide_symbols("l", &data).unwrap(),
        rename::hide_symbols("l", &data).unwrap()
    );
}

#[test]
fn damaged_libraries_are_refused_not_misread() {
    let (_, data) = library("damaged");
    assert!(rename::hide_symbols("l", b"not an archive").is_err());
    assert!(rename::hide_symbols("l", &data[..data.len() - 100]).is_err());
    // Any byte may be wrong: an error or a library, never a crash.
    for at in (8..data.len()).step_by(3) {
        let mut damaged = data.clone();
        damaged[at] ^= 0x5a;
        let _ = rename::hide_symbols("l", &damaged);
    }
}
