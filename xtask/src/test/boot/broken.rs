//! Images that are none, or not whole: the loader refuses them on the serial port.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use uio_cli::cmd::loader;
use uio_cli::vmm::qemu;

use super::super::report::Report;
use crate::build::Image;
use crate::process;
use crate::uio::Uio;

/// QEMU's status when the loader refuses: it writes 16 to the debug-exit port.
const REFUSED: i32 = 33;

/// How long a refusal may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs all of them.
///
/// # Errors
/// When the image cannot be read.
pub fn run(report: &mut Report, uio: &Uio, image: &Image) -> Result<()> {
    let good = std::fs::read(&image.path)?;
    let dir = uio.dir("broken")?;
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        bytes
    };
    let cut = |len: usize| good.get(..len).unwrap_or_default().to_vec();
    let images = [
        ("a truncated image", cut(good.len() / 2), "truncated"),
        ("an image cut in its header", cut(40), ""),
        ("a text file", b"this is no image\n".repeat(100), ""),
        ("an image for another machine", changed(0x12, 183), ""),
        ("an image of another class", changed(4, 1), ""),
        ("an image without a fixed type", changed(0x10, 1), ""),
    ];
    for (name, bytes, words) in images {
        report.check(&format!("{name} is refused"), || {
            let path = dir.join(name.replace(' ', "-"));
            std::fs::write(&path, bytes)?;
            refused(Some(&path), words)
        });
    }
    report.check("no image is refused", || refused(None, ""));
    report.check("uio run shows the refusal", || {
        let path = dir.join("a-truncated-image").display().to_string();
        let mut run = uio.command(&["run", &path]);
        let output = process::run(&mut run, LIMIT)?;
        ensure!(output.status != 0, "status 0");
        ensure!(
            output.text().contains("uio-loader: "),
            "it printed: {}{}",
            output.text(),
            output.complaint()
        );
        Ok(())
    });
    Ok(())
}

/// Boots a file with QEMU alone; the loader must refuse it, with `words` in its one line.
fn refused(image: Option<&Path>, words: &str) -> Result<()> {
    let mut qemu = Command::new(qemu::PROGRAM);
    qemu.args(["-accel", "tcg", "-cpu", "max", "-m", "128M", "-nodefaults"])
        .args(["-no-user-config", "-no-reboot", "-display", "none"])
        .args(["-serial", "stdio"])
        .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"])
        .arg("-kernel")
        .arg(loader::find()?);
    if let Some(image) = image {
        qemu.arg("-initrd").arg(image);
    }
    let output = process::run(&mut qemu, LIMIT)?;
    let text = output.text();
    ensure!(
        output.status == REFUSED,
        "status {}, not {REFUSED}: {text}{}",
        output.status,
        output.complaint()
    );
    let line = text.lines().find(|line| line.contains("uio-loader: "));
    ensure!(
        line.is_some_and(|line| line.contains(words)),
        "no line of the loader with `{words}`: {text}"
    );
    Ok(())
}
