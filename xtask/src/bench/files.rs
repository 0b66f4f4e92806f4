//! Long files on the share: `cp` from there to memory and back.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::lab::{Lab, measure};
use super::report::Figure;
use super::session::Session;
use super::stats::Series;
use super::vm::Vm;

/// Bytes of the file that is copied.
const BYTES: u64 = 16 << 20;

/// The longest messages that are agreed on, in bytes.
const MSIZES: [u32; 2] = [64 << 10, 512 << 10];

/// Where the guest keeps the copy: in memory.
const IN_MEMORY: &str = "/tmp/copy";

const MIB: f64 = 1024.0 * 1024.0;

#[derive(Default)]
struct Copies {
    instructions: Series,
    rate: Series,
}

impl Copies {
    /// Copies once. The target is removed first, so that each copy makes a new file.
    fn copy(&mut self, vm: &Vm, session: &mut Session, from: &str, to: &str) -> Result<()> {
        session.run(&format!("rm -f {to}"))?;
        let measured = measure(vm, session, &format!("cp {from} {to}"))?;
        ensure!(
            measured.answer.copied == BYTES,
            "{} bytes were copied instead of {BYTES}",
            measured.answer.copied
        );
        let mib = BYTES as f64 / MIB;
        self.instructions.push(measured.instructions / mib);
        self.rate.push(rate(measured.answer.took));
        Ok(())
    }
}

/// Megabytes (10^6) a second.
fn rate(took: Duration) -> f64 {
    BYTES as f64 / 1e6 / took.as_secs_f64()
}

/// Sequential reads and writes with short and long messages.
///
/// # Errors
/// When the guest does not do as it should.
pub fn figures(lab: &Lab) -> Result<Vec<Figure>> {
    let content: Vec<u8> = (0..BYTES).map(|at| ((at * 31) >> 3) as u8).collect();
    let original = lab.share().join("original");
    std::fs::write(&original, &content)?;
    let mut figures = Vec::new();
    for msize in MSIZES {
        let vm = lab.attached(&[format!("UIO_MSIZE={msize}")])?;
        let mut session = vm.attach()?;
        let share = session.hello.share.clone();
        let [original, back] = ["original", "back"].map(|name| format!("{share}/{name}"));
        let (mut reads, mut writes) = (Copies::default(), Copies::default());
        // The first copies make room in memory and on the host; they do not count.
        Copies::default().copy(&vm, &mut session, &original, IN_MEMORY)?;
        Copies::default().copy(&vm, &mut session, IN_MEMORY, &back)?;
        for _ in 0..lab.repetitions {
            reads.copy(&vm, &mut session, &original, IN_MEMORY)?;
            writes.copy(&vm, &mut session, IN_MEMORY, &back)?;
        }
        ensure!(
            std::fs::read(lab.share().join("back"))? == content,
            "what came back is not what was sent"
        );
        for (key, what, copies) in [("read", "read from", reads), ("write", "write to", writes)] {
            let words = format!(
                "sequential {what} the share, messages of {} KiB",
                msize >> 10
            );
            let key = format!("files.{key}.{}", msize >> 10);
            figures.push(Figure::new(
                &key,
                &words,
                "instructions/MiB",
                copies.instructions,
            ));
            figures.push(Figure::new(
                &format!("{key}.rate"),
                &words,
                "MB/s",
                copies.rate,
            ));
        }
    }
    Ok(figures)
}
