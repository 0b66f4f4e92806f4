//! Tier `boot`: the loader and the kernel's features on machines of several kinds.

mod broken;
mod features;
mod matrix;

use anyhow::Result;

use super::report::Report;
use super::{OUTSIDE, cargo};
use crate::build;
use crate::project;
use crate::uio::Uio;

/// The application that is booted.
const HELLO: &str = "demos/hello";

/// Runs all of them.
///
/// # Errors
/// When the `uio` command cannot be built.
pub fn run(report: &mut Report) -> Result<()> {
    let uio = Uio::new(build::uio()?)?;
    let images = uio.dir("images")?;
    let smp = report.check("demos/hello builds for several processors", || {
        let app = build::App {
            package: HELLO,
            features: &["smp", "acpi"],
            bare: true,
        };
        app.build(uio.program())?.keep(&images, "hello-smp")
    });
    if let Some(smp) = &smp {
        matrix::run(report, &uio, smp);
        let mut loads = project::host_cargo()?;
        loads.args(["test", "--locked", "--target-dir", OUTSIDE]);
        loads.args([
            "--manifest-path",
            "uio-loader/Cargo.toml",
            "--test",
            "image",
        ]);
        loads.args(["--", "--ignored"]).env("UIO_IMAGE", &smp.path);
        cargo::test(report, "the loader's tests of an image", loads);
        broken::run(report, &uio, smp)?;
    }
    features::run(report, &uio);
    Ok(())
}
