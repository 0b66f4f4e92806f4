//! The bare-metal half of the boot loader: entry, ports and physical memory.
//! What it decides, it decides in the library.
#![cfg_attr(target_os = "none", no_std)]
#![cfg_attr(target_os = "none", no_main)]
#![deny(unsafe_code)]

#[cfg(target_os = "none")]
mod bare;

#[cfg(not(target_os = "none"))]
fn main() -> std::process::ExitCode {
    eprintln!("uio-loader runs inside QEMU; build it for x86_64-unknown-none (see README.md)");
    std::process::ExitCode::from(2)
}
