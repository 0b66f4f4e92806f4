//! Objects from the compiler.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Compilers to look for.
const COMPILERS: [&str; 8] = [
    "clang", "clang-14", "clang-15", "clang-16", "clang-17", "clang-18", "clang-19", "clang-20",
];

/// A compiler; there has to be one.
pub fn clang() -> &'static str {
    let works = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    let found = COMPILERS.into_iter().find(works);
    found.expect("no clang is installed: `apt install clang`, or `cargo xtask setup`")
}

/// Compiles a text with these flags besides the usual ones; gives the object.
pub fn compile_with(source: &str, flags: &[&str]) -> Vec<u8> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("uio-bpf-object-{}-{number}", std::process::id());
    let dir = std::env::temp_dir().join(name);
    fs::create_dir(&dir).unwrap();
    let (c, o) = (dir.join("x.bpf.c"), dir.join("x.o"));
    fs::write(&c, source).unwrap();
    let output = Command::new(clang())
        .args(["-target", "bpf", "-O2", "-g", "-mcpu=v3", "-Wno-everything"])
        .arg("-I")
        .arg(programs())
        .args(flags)
        .args(["-c", "-o"])
        .args([&o, &c])
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
    let object = fs::read(&o).unwrap();
    fs::remove_dir_all(&dir).unwrap();
    object
}

/// Compiles a text behind the header of the tests.
pub fn compile(source: &str) -> Vec<u8> {
    compile_with(&format!("#include \"bpf.h\"\n{source}"), &[])
}

/// The folder of the tests' programs.
pub fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs")
}

/// The object with everything.
pub fn whole() -> Vec<u8> {
    compile_with(
        &fs::read_to_string(programs().join("whole.bpf.c")).unwrap(),
        &[],
    )
}
