//! Memory from the least to a lot, one processor and more, both machines.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::super::report::{Report, skip};
use crate::build::Image;
use crate::process::{self, Output};
use crate::uio::Uio;

/// Memory, processors, machine.
const MATRIX: [(&str, u32, &str); 6] = [
    ("32M", 1, "pc"),
    ("512M", 2, "q35"),
    ("3G", 3, "q35"),
    ("4G", 8, "pc"),
    ("16G", 1, "q35"),
    ("16G", 2, "pc"),
];

/// How long a machine has to boot and end.
const LIMIT: Duration = Duration::from_secs(120);

/// Runs all of them.
pub fn run(report: &mut Report, uio: &Uio, image: &Image) {
    for (memory, processors, machine) in MATRIX {
        report.check(
            &format!("boots with {memory} and {processors} on {machine}"),
            || {
                let smp = processors.to_string();
                let run = ["--memory", memory, "--smp", &smp, "--machine", machine];
                let output = boot(uio, image, &run, &["a b", "--exit", "0"])?;
                says(&output, "hello: argument a b")?;
                says(&output, &format!("hello: {processors} processors"))?;
                let sum = 4_999_950_000 * u64::from(processors);
                says(&output, &format!("hello: sum {sum}"))?;
                ensure!(
                    output.status == 0,
                    "status {}: {}",
                    output.status,
                    output.text()
                );
                Ok(())
            },
        );
    }
    report.check("a status other than 0 shows", || {
        let output = boot(uio, image, &[], &["--exit", "1"])?;
        ensure!(
            output.status == 1,
            "status {}: {}",
            output.status,
            output.text()
        );
        Ok(())
    });
}

/// Boots an image in the foreground until it ends.
pub fn boot(uio: &Uio, image: &Image, run: &[&str], args: &[&str]) -> Result<Output> {
    let path = image.path.display().to_string();
    let words = [&["run", &path, "--name", "hello"], run, &["--"], args].concat();
    let output = process::run(&mut uio.command(&words), LIMIT)?;
    if output.text().contains("cannot set up guest memory") {
        return skip("this machine cannot give a guest so much memory");
    }
    Ok(output)
}

/// Whether the guest printed a line.
pub fn says(output: &Output, line: &str) -> Result<()> {
    ensure!(
        output.text().lines().any(|found| found.trim_end() == line),
        "no line `{line}` in: {}{}",
        output.text(),
        output.complaint()
    );
    Ok(())
}
