//! `version`: what the image says of itself.
//!
//! ```text
//! $ uio exec web -- version
//! kernel     hermit 0.11.0 (x86_64)
//! overlay    0.1.0
//! build id   8f0c2b1de3a45c7790f2a1b6c4d8e9f001234567
//! features   pci tcp uio
//! isolation  pku
//! policy     control
//! ```

use uio_console::record::Record;

use crate::command::{Command, Context, Kind, Outcome};

pub(super) static COMMAND: Command = Command {
    name: "version",
    kind: Kind::Inline,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    cx.no_operands()?;
    let image = cx.system().image();
    cx.record(&Record::Version {
        kernel: image.kernel,
        overlay: crate::VERSION,
        arch: image.arch,
        build_id: image.build_id,
        features: image.features,
        isolation: cx.isolation().name(),
        policy: cx.policy(),
    })?;
    Ok(0)
}
