//! The formatted output of `uio.h` against that of the C library, and the header under strict compilers.

use std::process::Command;

use super::guest::Room;

const CHECKER: &str = include_str!("checker.c");

fn there(compiler: &str) -> bool {
    let found = Command::new(compiler).arg("--version").output().is_ok();
    if !found {
        println!("skipped: {compiler} is not installed");
    }
    found
}

fn include() -> String {
    format!("-I{}/../include", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn formatted_output_is_that_of_the_c_library() {
    for compiler in ["gcc", "clang", "clang-14"] {
        if !there(compiler) {
            continue;
        }
        let room = Room::new();
        let source = room.write("checker.c", CHECKER);
        for level in ["-O0", "-O2"] {
            let out = room.0.join("checker");
            let output = Command::new(compiler)
                .args([
                    level,
                    "-std=gnu11",
                    "-w",
                    "-fsanitize=undefined",
                    "-fno-sanitize-recover=all",
                ])
                .arg(include())
                .arg(&source)
                .arg("-o")
                .arg(&out)
                .output()
                .unwrap();
            let words = String::from_utf8_lossy(&output.stderr);
            if words.contains("ubsan") || words.contains("libclang_rt") {
                println!("skipped: {compiler} has no sanitizer library");
                continue;
            }
            assert!(output.status.success(), "{compiler}: {words}");
            let output = Command::new(&out).output().unwrap();
            let words = String::from_utf8_lossy(&output.stdout);
            assert!(
                output.status.success(),
                "{compiler} {level}: {words}{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}

#[test]
fn the_header_is_clean_under_strict_compilers() {
    let source = "#include <uio.h>\nint main(int argc, char **argv) { (void)argv; uio_printf(\"%d\\n\", argc); return 0; }\n";
    let gates = super::gates::EVERY_FORM;
    let both = "#include <string.h>\n#include <uio.h>\nint main() { return (int)strlen(\"\"); }\n";
    let cases = [
        ("gcc", "c", "-std=c11"),
        ("gcc", "c", "-std=c17"),
        ("clang", "c", "-std=c11"),
        ("clang-14", "c", "-std=c11"),
        ("g++", "c++", "-std=c++11"),
        ("g++", "c++", "-std=c++20"),
        ("clang++", "c++", "-std=c++11"),
        ("clang++-14", "c++", "-std=c++17"),
    ];
    for (compiler, language, standard) in cases {
        if !there(compiler) {
            continue;
        }
        let room = Room::new();
        for text in [source, gates, both] {
            let source = room.write("source", text);
            let output = Command::new(compiler)
                .args([standard, "-x", language, "-O2", "-ffreestanding"])
                .args([
                    "-Wall",
                    "-Wextra",
                    "-Wpedantic",
                    "-Wconversion",
                    "-Wshadow",
                    "-Werror",
                    "-c",
                    "-o",
                    "/dev/null",
                ])
                .arg(include())
                .arg(&source)
                .output()
                .unwrap();
            let words = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{compiler} {standard}: {words}");
        }
    }
}
