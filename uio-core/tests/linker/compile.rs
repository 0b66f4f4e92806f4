//! Objects of the compilers that this machine has.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Flags that `uio cc` gives, but for the model.
pub const FLAGS: [&str; 5] = [
    "-ffreestanding",
    "-mno-red-zone",
    "-fno-stack-protector",
    "-fcf-protection=none",
    "-fno-asynchronous-unwind-tables",
];

/// The C compilers that are there; says which are not.
pub fn compilers() -> Vec<&'static str> {
    let known = [&["gcc"][..], &["clang", "clang-14", "clang-16", "clang-19"]];
    let mut found = Vec::new();
    for names in known {
        match names.iter().find(|name| runs(name)) {
            Some(name) => found.push(*name),
            None => println!("skipped: {} is not installed", names[0]),
        }
    }
    found
}

/// Whether a program is there.
pub fn runs(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}

/// A directory of this test alone.
pub struct Room(pub PathBuf);

impl Room {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Relaxed);
        let path = std::env::temp_dir().join(format!("uio-linker-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Compiles one source with these flags; panics with the compiler's words.
    pub fn compile(&self, compiler: &str, source: &str, flags: &[&str]) -> PathBuf {
        let c = self.0.join("source.c");
        let o = self.0.join("object.o");
        std::fs::write(&c, source).unwrap();
        let output = Command::new(compiler)
            .args(FLAGS)
            .args(flags)
            .arg("-c")
            .arg(&c)
            .arg("-o")
            .arg(&o)
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{compiler} {flags:?}: {words}");
        o
    }

    /// The bytes of [`Self::compile`].
    pub fn object(&self, compiler: &str, source: &str, flags: &[&str]) -> Vec<u8> {
        std::fs::read(self.compile(compiler, source, flags)).unwrap()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
