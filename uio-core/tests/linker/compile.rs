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

/// The Rust compilers that are there: the one of this build, and a distribution's.
pub fn rustcs() -> Vec<String> {
    let own = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let mut found = vec![own, "/usr/bin/rustc".into()];
    found.retain(|rustc| {
        let there = runs(rustc);
        if !there {
            println!("skipped: {rustc} is not installed");
        }
        there
    });
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

    /// Compiles the Rust source, without std, to one object.
    pub fn rust(&self, rustc: &str, level: &str, flags: &[&str]) -> PathBuf {
        let source = self.0.join("rust.rs");
        let o = self.0.join("rust.o");
        std::fs::write(&source, include_str!("rust.rs")).unwrap();
        let output = Command::new(rustc)
            .args(["--edition=2024", "--crate-type=lib", "--emit=obj"])
            .args(["-Cpanic=abort", "-Ccodegen-units=1", "-Cno-redzone=yes"])
            .args(["-Cforce-unwind-tables=no", "-Coverflow-checks=off"])
            .arg(format!("-Copt-level={level}"))
            .args(flags)
            .arg(&source)
            .arg("-o")
            .arg(&o)
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{rustc} {level} {flags:?}: {words}"
        );
        o
    }

    /// Links objects into one, as `ld -r` does.
    pub fn together(&self, objects: &[PathBuf], options: &[&str]) -> Vec<u8> {
        let both = self.0.join("together.o");
        let output = Command::new("ld")
            .arg("-r")
            .args(options)
            .arg("-o")
            .arg(&both)
            .args(objects)
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ld -r {options:?}: {words}");
        std::fs::read(&both).unwrap()
    }

    /// The core library of a Rust compiler.
    pub fn core_of(&self, rustc: &str) -> Option<PathBuf> {
        let output = Command::new(rustc)
            .args(["--print", "target-libdir"])
            .output()
            .ok()?;
        let dir = String::from_utf8(output.stdout).ok()?;
        let is_core = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("libcore-") && name.ends_with(".rlib")
        };
        let mut files = std::fs::read_dir(dir.trim()).ok()?.flatten();
        files.find_map(|file| Some(file.path()).filter(is_core))
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
