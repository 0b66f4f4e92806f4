//! Every feature that applications choose, built and booted alone.

use anyhow::{Result, ensure};

use super::super::report::Report;
use super::HELLO;
use super::matrix::{boot, says};
use crate::build::App;
use crate::http;
use crate::uio::Uio;

/// The features; those of the last lines bring others with them.
const FEATURES: [&[&str]; 10] = [
    &[],
    &["smp"],
    &["tcp"],
    &["udp"],
    &["dhcpv4"],
    &["fs"],
    &["pci"],
    &["acpi"],
    &["fsgsbase"],
    &["uio"],
];

/// Runs all of them.
pub fn run(report: &mut Report, uio: &Uio) {
    for features in FEATURES {
        let name = match features {
            [] => "no feature".to_owned(),
            features => format!("feature {}", features.join(", ")),
        };
        report.check(&format!("{name} builds and boots"), || alone(uio, features));
    }
}

fn alone(uio: &Uio, features: &[&str]) -> Result<()> {
    let app = App {
        package: HELLO,
        features,
        bare: true,
    };
    let image = app.build(uio.program())?;
    let smp = features.contains(&"smp");
    let processors = if smp { "2" } else { "1" };
    // A published port brings a network device, for the features that drive one.
    let publish = format!("{}:8080", http::free_port()?);
    let run = ["--smp", processors, "--publish", &publish];
    let output = boot(uio, &image, &run, &["--exit", "0"])?;
    says(&output, "hello: from hermit")?;
    // The kernel finds further processors through ACPI: the matrix boots both features together.
    let sum = output.text().contains("hello: sum ");
    ensure!(sum, "threads did not work: {}", output.text());
    ensure!(
        output.status == 0,
        "status {}: {}",
        output.status,
        output.text()
    );
    Ok(())
}
