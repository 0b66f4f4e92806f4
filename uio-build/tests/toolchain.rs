//! Toolchains and linkers are found by looking, in directory trees made for the purpose.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use uio_build::toolchain::{Origin, Places, Toolchain};
use uio_build::{Error, linker};

/// An empty directory of this test's own.
fn tempdir(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("toolchain")
        .join(name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// Puts a rustc below `root` that answers like a real one, and a cargo beside it.
fn install(root: &Path, version: &str, source: bool) {
    fs::create_dir_all(root.join("bin")).unwrap();
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *sysroot*) echo '{}';; *--version*) echo 'rustc {version}';; esac\n",
        root.display()
    );
    for name in ["rustc", "cargo"] {
        let path = root.join("bin").join(name);
        fs::write(&path, &script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    if source {
        let library = root.join("lib/rustlib/src/rust/library");
        fs::create_dir_all(&library).unwrap();
        fs::write(library.join("Cargo.lock"), "").unwrap();
    }
}

fn places(root: &Path) -> Places {
    Places {
        override_cargo: None,
        current_rustc: None,
        rustup_home: Some(root.join("rustup")),
        system: root.join("usr"),
    }
}

fn rustup(root: &Path, name: &str) -> PathBuf {
    root.join("rustup/toolchains").join(name)
}

#[test]
fn a_nightly_with_source_comes_before_the_system() {
    let root = tempdir("nightly");
    install(
        &rustup(&root, "stable-x86_64-unknown-linux-gnu"),
        "1.95.0 (abc 2026-03-21)",
        true,
    );
    install(
        &rustup(&root, "nightly-x86_64-unknown-linux-gnu"),
        "1.98.0-nightly (abc 2026-06-01)",
        true,
    );
    install(
        &root.join("usr"),
        "1.96.0 (built from a source tarball)",
        true,
    );
    let found = Toolchain::find_in(&places(&root)).unwrap();
    assert_eq!(
        found.origin,
        Origin::Rustup("nightly-x86_64-unknown-linux-gnu".into())
    );
    assert!(!found.bootstrap);
    assert_eq!(
        found.cargo,
        rustup(&root, "nightly-x86_64-unknown-linux-gnu").join("bin/cargo")
    );
}

#[test]
fn a_nightly_without_source_is_passed_over() {
    let root = tempdir("system");
    install(
        &rustup(&root, "nightly-x86_64-unknown-linux-gnu"),
        "1.98.0-nightly (abc 2026-06-01)",
        false,
    );
    install(
        &root.join("usr"),
        "1.96.0 (built from a source tarball)",
        true,
    );
    let found = Toolchain::find_in(&places(&root)).unwrap();
    assert_eq!(found.origin, Origin::System);
    assert!(found.bootstrap, "a stable release needs RUSTC_BOOTSTRAP");
    let variables: Vec<_> = found
        .cargo()
        .get_envs()
        .map(|(key, value)| (key.to_owned(), value.is_some()))
        .collect();
    assert!(
        variables.contains(&("RUSTC_BOOTSTRAP".into(), true)),
        "{variables:?}"
    );
    assert!(variables.contains(&("RUSTC".into(), true)), "{variables:?}");
    assert!(found.to_string().contains("of the system"), "{found}");
}

#[test]
fn a_stable_toolchain_with_source_serves_too() {
    let root = tempdir("stable");
    install(
        &rustup(&root, "stable-x86_64-unknown-linux-gnu"),
        "1.95.0 (abc 2026-03-21)",
        true,
    );
    let found = Toolchain::find_in(&places(&root)).unwrap();
    assert_eq!(
        found.origin,
        Origin::Rustup("stable-x86_64-unknown-linux-gnu".into())
    );
    assert!(found.bootstrap);
}

#[test]
fn the_compiler_under_way_comes_first() {
    let root = tempdir("current");
    install(&root.join("mine"), "1.97.0-dev", true);
    install(
        &rustup(&root, "nightly"),
        "1.98.0-nightly (abc 2026-06-01)",
        true,
    );
    let places = Places {
        current_rustc: Some(root.join("mine/bin/rustc")),
        ..places(&root)
    };
    assert_eq!(Toolchain::find_in(&places).unwrap().origin, Origin::Current);
}

#[test]
fn an_override_is_taken_or_refused_but_never_ignored() {
    let root = tempdir("override");
    install(&root.join("mine"), "1.97.0 (abc 2026-05-01)", true);
    install(&root.join("bare"), "1.97.0 (abc 2026-05-01)", false);
    install(&root.join("usr"), "1.96.0 (abc 2026-04-01)", true);
    let with = |name: &str| Places {
        override_cargo: Some(root.join(name).join("bin/cargo")),
        ..places(&root)
    };
    assert_eq!(
        Toolchain::find_in(&with("mine")).unwrap().origin,
        Origin::Override
    );
    for name in ["bare", "absent"] {
        let error = Toolchain::find_in(&with(name)).unwrap_err();
        assert!(
            matches!(error, Error::NoToolchain { .. }),
            "{name}: {error}"
        );
    }
}

#[test]
fn nothing_suitable_says_what_each_place_lacks_and_what_to_install() {
    let root = tempdir("nothing");
    install(
        &rustup(&root, "nightly"),
        "1.98.0-nightly (abc 2026-06-01)",
        false,
    );
    install(&root.join("usr"), "1.63.0", true);
    let error = Toolchain::find_in(&places(&root)).unwrap_err().to_string();
    for part in [
        "nightly/bin/cargo: no library source",
        "rustc 1.63.0 is too old",
        "apt install rustc-web cargo-web libstd-rust-web-dev rust-web-src lld",
        "rustup component add rust-src --toolchain nightly",
        "UIO_CARGO",
    ] {
        assert!(error.contains(part), "{part:?} is missing in:\n{error}");
    }
}

#[test]
fn linkers_of_any_toolchain_come_before_the_newest_of_the_path() {
    let root = tempdir("linker");
    install(&root.join("usr"), "1.96.0 (abc 2026-04-01)", true);
    let places = places(&root);
    let toolchain = Toolchain::find_in(&places).unwrap();
    let bin = root.join("path");
    fs::create_dir_all(&bin).unwrap();
    let path = [bin.clone()];
    assert!(matches!(
        linker::find_in(&toolchain, &places, &path),
        Err(Error::NoLinker)
    ));

    for name in ["ld.lld-9", "ld.lld-14", "ld.lld-old"] {
        fs::write(bin.join(name), "").unwrap();
    }
    assert_eq!(
        linker::find_in(&toolchain, &places, &path).unwrap(),
        bin.join("ld.lld-14")
    );
    fs::write(bin.join("ld.lld"), "").unwrap();
    assert_eq!(
        linker::find_in(&toolchain, &places, &path).unwrap(),
        bin.join("ld.lld")
    );

    let lld = rustup(&root, "stable").join("lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld");
    fs::create_dir_all(lld.parent().unwrap()).unwrap();
    fs::write(&lld, "").unwrap();
    assert_eq!(linker::find_in(&toolchain, &places, &path).unwrap(), lld);
}
