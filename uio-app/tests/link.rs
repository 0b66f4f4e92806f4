//! Links a program that never mentions what it exports, and looks for it in the file.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use object::{Object, ObjectSection, ObjectSymbol};
use uio_app::{ENTRY_LEN, Entry, Kind, SECTION, entries};

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Builds the fixture as a static position-independent program with `--gc-sections`.
fn build(name: &str, arguments: &[&str], linker: Option<&str>) -> Vec<u8> {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture");
    let scratch = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut flags = String::from(
        "-Ctarget-feature=+crt-static -Crelocation-model=pie -Clink-arg=-Wl,--gc-sections",
    );
    if let Some(linker) = linker {
        flags.push_str(" -Clinker-features=-lld -Zunstable-options -Clink-arg=-fuse-ld=");
        flags.push_str(linker);
    }
    let output = Command::new(env!("CARGO"))
        .args(["build", "--offline", "--target", TARGET, "--manifest-path"])
        .arg(fixture.join("Cargo.toml"))
        .args(arguments)
        .env("CARGO_TARGET_DIR", &scratch)
        .env("RUSTFLAGS", flags)
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let profile = if arguments.contains(&"--release") {
        "release"
    } else {
        "debug"
    };
    let program = scratch.join(TARGET).join(profile).join("fixture");
    let run = Command::new(&program).output().expect("the program runs");
    assert_eq!(run.stdout, b"hello\n");
    std::fs::read(&program).expect("the program can be read")
}

/// The exported items of the image by name.
fn exported(image: &object::File<'_>) -> BTreeMap<String, Entry> {
    let section = image.section_by_name(SECTION).expect("there is a section");
    let data = section.data().expect("with contents");
    assert_eq!(data.len() % ENTRY_LEN, 0);
    entries(data, section.address())
        .map(|entry| {
            let name = bytes_at(image, entry.name, u64::from(entry.name_len) + 1);
            let (end, name) = name.split_last().expect("a name has an end");
            assert_eq!(*end, 0, "a name ends in a NUL");
            (String::from_utf8_lossy(name).into_owned(), entry)
        })
        .collect()
}

fn bytes_at<'a>(image: &object::File<'a>, address: u64, len: u64) -> &'a [u8] {
    image
        .sections()
        .find_map(|section| section.data_range(address, len).ok().flatten())
        .expect("the address is in a section")
}

fn check(file: &[u8]) {
    let image = object::File::parse(file).expect("an ELF file");
    let found = exported(&image);
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    let expected = [
        ("fixture_counter", Kind::Variable, 8),
        ("fixture_double", Kind::Function, 0),
        ("fixture_length", Kind::Function, 0),
        ("fixture_table", Kind::Variable, 20),
    ];
    assert_eq!(names, expected.map(|(name, ..)| name));
    for (name, kind, size) in expected {
        let entry = &found[name];
        assert_eq!((entry.kind, entry.size), (kind, size), "{name}");
        let symbol = image
            .symbols()
            .find(|symbol| symbol.name() == Ok(name))
            .expect("the symbol table has it");
        assert_eq!(symbol.address(), entry.item, "{name}");
        assert!(symbol.is_definition());
    }
    let counter = bytes_at(&image, found["fixture_counter"].item, 8);
    assert_eq!(counter, 41_u64.to_le_bytes());
    let dropped = image
        .symbols()
        .any(|symbol| symbol.name() == Ok("fixture_dropped"));
    assert!(!dropped, "the linker did collect garbage");
}

#[test]
fn exported_items_survive_an_unoptimised_link() {
    check(&build("debug", &["--features", "uio"], None));
}

#[test]
fn exported_items_survive_link_time_optimisation() {
    check(&build("lto", &["--features", "uio", "--release"], None));
}

#[test]
fn exported_items_survive_the_gnu_linker() {
    if Command::new("ld.bfd").arg("--version").output().is_err() {
        println!("skipped: ld.bfd (Debian package binutils) is not installed");
        return;
    }
    check(&build("bfd", &["--features", "uio"], Some("bfd")));
}

#[test]
fn without_the_feature_nothing_is_left() {
    let file = build("off", &["--release"], None);
    let image = object::File::parse(&*file).expect("an ELF file");
    assert!(image.section_by_name(SECTION).is_none());
    let left: Vec<_> = image
        .symbols()
        .filter_map(|symbol| symbol.name().ok())
        .filter(|name| name.starts_with("fixture_"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
