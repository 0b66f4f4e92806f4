//! Builds the patched kernel and links it. The work is done by `uio-build`; this file translates cargo's variables.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use uio_build::kernel::{self, Config};
use uio_build::toolchain::Toolchain;
use uio_build::{Error, command};

/// Features of this package that the kernel has under the same name.
const FORWARDED: [&str; 22] = [
    "acpi",
    "dhcpv4",
    "dns",
    "fs",
    "fsgsbase",
    "gem-net",
    "idle-poll",
    "mmap",
    "pci",
    "pci-ids",
    "rtl8139",
    "shell",
    "smp",
    "strace",
    "tcp",
    "trace",
    "udp",
    "uio",
    "uio-bpf",
    "uio-mpk",
    "vga",
    "vsock",
];

fn main() -> ExitCode {
    // Anything else, such as documentation or a check on the host, needs no kernel.
    if var("CARGO_CFG_TARGET_OS") != "hermit" || env::var_os("DOCS_RS").is_some() {
        println!("cargo::rerun-if-changed=build.rs");
        return ExitCode::SUCCESS;
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for line in error.to_string().lines() {
                println!("cargo::error={line}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Error> {
    if var("CARGO_CFG_TARGET_ARCH") != "x86_64" {
        return Err(Error::App(
            "this package builds the kernel for x86_64 only".into(),
        ));
    }
    let manifest_dir = PathBuf::from(var("CARGO_MANIFEST_DIR"));
    let root = manifest_dir.parent().unwrap_or(&manifest_dir).to_path_buf();
    let out = PathBuf::from(var("OUT_DIR"));
    let toolchain = Toolchain::find()?;
    rerun_if_changed(&root);

    let mut features: Vec<String> = FORWARDED
        .iter()
        .filter(|name| has_feature(name))
        .map(ToString::to_string)
        .collect();
    if has_feature("uio") {
        features.push("uio-virtio".into());
    }
    let config = Config {
        toolchain: &toolchain,
        root,
        work: work_dir(&out),
        out: out.clone(),
        features,
        release: var("PROFILE") == "release",
        instrument: has_feature("instrument"),
        randomize_layout: has_feature("randomize-layout"),
        sites: has_feature("uio-trace"),
    };
    let built = kernel::build(&config)?;
    println!("cargo::warning=hermit-kernel 0.11.0 was built by {toolchain}");
    if built.lock_outdated {
        println!(
            "cargo::warning=the kernel's lock file is outdated; `cargo xtask patches lock` mends it"
        );
    }
    println!("cargo::rustc-link-search=native={}", out.display());
    // Not bundled into the rlib: its members are named like Rust objects, and LTO would look for bitcode in them.
    println!("cargo::rustc-link-lib=static:-bundle=hermit");
    if has_feature("libc") {
        link_libc()?;
    }
    Ok(())
}

/// The directory that all builds in one target directory share: `<target>/hermit-kernel`, or the private output
/// directory where cargo's target directory is not recognisable.
fn work_dir(out: &Path) -> PathBuf {
    let target = out
        .ancestors()
        .find(|dir| dir.join("CACHEDIR.TAG").is_file());
    target.unwrap_or(out).join("hermit-kernel")
}

fn rerun_if_changed(root: &Path) {
    for input in kernel::inputs(root, has_feature("uio")) {
        println!("cargo::rerun-if-changed={}", input.display());
    }
    println!("cargo::rerun-if-changed=build.rs");
    for name in kernel::ENVIRONMENT.iter().chain(&["UIO_CARGO"]) {
        println!("cargo::rerun-if-env-changed={name}");
    }
}

/// Links the C library that the C compiler would use.
fn link_libc() -> Result<(), Error> {
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".into());
    let libc = command::capture(Command::new(compiler).arg("-print-file-name=libc.a"))?;
    let libc = PathBuf::from(String::from_utf8_lossy(&libc).trim());
    let libc = fs::canonicalize(&libc).map_err(|error| Error::io(&libc, error))?;
    if let Some(dir) = libc.parent() {
        println!("cargo::rustc-link-search={}", dir.display());
    }
    println!("cargo::rustc-link-lib=static=c");
    Ok(())
}

fn has_feature(name: &str) -> bool {
    env::var_os(format!(
        "CARGO_FEATURE_{}",
        name.to_uppercase().replace('-', "_")
    ))
    .is_some()
}

fn var(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
