//! Hands the linker its script when building for the bare target.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=link.ld");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let root = env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| ".".into());
    // Given after rustc's own flags, so `--no-pie` wins over the target's `-pie`.
    for arg in [
        "--no-pie",
        "-static",
        "--build-id=none",
        "-z",
        "max-page-size=4096",
    ] {
        println!("cargo:rustc-link-arg-bin=uio-loader={arg}");
    }
    println!("cargo:rustc-link-arg-bin=uio-loader=-T{root}/link.ld");
}
