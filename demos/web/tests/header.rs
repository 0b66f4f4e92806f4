//! `probes.h` has the structures that the server makes: a C compiler says so.

use std::io::Write as _;
use std::mem::{offset_of, size_of, size_of_val};
use std::process::{Command, Stdio};

use web::probes::{Answered, Asked, DELAY, Decision, LENGTH_UNKNOWN};

/// C that compiles when the structure of that name has the size of `$type`, and its fields where they are
/// there. Not one may be left out: `$type` could not be made.
macro_rules! assertions {
    ($name:literal, $type:ident { $($field:ident: $value:expr),* $(,)? }) => {{
        let made = $type { $($field: $value),* };
        let mut text = format!(
            "_Static_assert(sizeof(struct {}) == {}, \"size\");\n",
            $name,
            size_of::<$type>()
        );
        $(text.push_str(&field(
            $name,
            stringify!($field),
            offset_of!($type, $field),
            size_of_val(&made.$field),
        ));)*
        text
    }};
}

fn field(structure: &str, name: &str, offset: usize, size: usize) -> String {
    format!(
        "_Static_assert(__builtin_offsetof(struct {structure}, {name}) == {offset}, \"{name}\");\n\
         _Static_assert(sizeof(((struct {structure} *)0)->{name}) == {size}, \"{name}\");\n"
    )
}

fn assertions() -> String {
    let mut text = assertions!(
        "web_request",
        Asked {
            connection: 0,
            body_bytes: 0,
            number: 0,
            path_len: 0,
            method: [0; 8],
            peer: [0; 40],
            path: [0; 128],
        }
    );
    text.push_str(&assertions!(
        "web_answered",
        Answered {
            connection: 0,
            bytes: 0,
            micros: 0,
            status: 0,
            path_len: 0,
            path: [0; 128],
        }
    ));
    for (name, value) in [
        ("WEB_SERVE", 0),
        ("WEB_REFUSE(403)", 403),
        ("WEB_DELAY_MS(20)", DELAY | 20),
        ("WEB_DELAY_MS(-1)", DELAY | 0xffff_ffff),
        ("WEB_LENGTH_UNKNOWN", LENGTH_UNKNOWN),
    ] {
        text.push_str(&format!(
            "_Static_assert({name} == {value}ULL, \"{name}\");\n"
        ));
    }
    text
}

/// Whether the compiler takes `probes.h` with `text` behind it, and what it says; `None` without one.
fn compiles(text: &str) -> Option<(bool, String)> {
    let child = Command::new("cc")
        .args([
            "-std=c11",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-fsyntax-only",
            "-I",
        ])
        .args([env!("CARGO_MANIFEST_DIR"), "-x", "c", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.ok()?;
    let mut input = child.stdin.take().expect("it is piped");
    write!(input, "#include \"probes.h\"\n{text}").expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    Some((output.status.success(), errors))
}

#[test]
fn the_header_has_the_structures_and_values_of_the_server() {
    let Some((good, errors)) = compiles(&assertions()) else {
        eprintln!("skipped: there is no C compiler `cc`");
        return;
    };
    assert!(good, "{errors}");
    let wrong = assertions().replace("path) == 72", "path) == 73");
    let (good, _) = compiles(&wrong).expect("it was there before");
    assert!(!good, "the compiler takes anything");
}

#[test]
fn the_values_of_the_header_make_sense() {
    assert_eq!(Decision::of(DELAY | 20), Some(Decision::Delay(20)));
    assert_eq!(Decision::of(403), Some(Decision::Refuse(403)));
}
